//! The files beside an ONNX model that hold its weights.

use std::collections::BTreeSet;

use prost::Message;

mod proto;

/// Why no locations could be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OnnxError {
    #[error("not an ONNX model: {0}")]
    Decode(#[from] prost::DecodeError),
    #[error("not an ONNX model: it has no graph")]
    NoGraph,
    #[error("a tensor is said to be stored externally, but no location is given")]
    NoLocation,
}

/// The locations of all external data that the model in `data` refers to, as written, sorted and without repeats.
///
/// Initializers, sparse ones, and the attributes of nodes are looked at, in the graph, its subgraphs and the model's
/// functions. Tensors that are stored in the model are skipped without being read or copied.
///
/// # Errors
///
/// [`OnnxError`], if `data` isn't an ONNX protobuf, has no graph or holds an external tensor without a location.
pub fn external_data(data: &[u8]) -> Result<Vec<String>, OnnxError> {
    let model = proto::Model::decode(data)?;
    let graph = model.graph.ok_or(OnnxError::NoGraph)?;
    let mut locations = BTreeSet::new();
    from_graph(&graph, &mut locations)?;
    for function in &model.functions {
        from_nodes(&function.node, &mut locations)?;
    }
    Ok(locations.into_iter().collect())
}

type Locations = BTreeSet<String>;

fn from_graph(graph: &proto::Graph, locations: &mut Locations) -> Result<(), OnnxError> {
    for tensor in &graph.initializer {
        from_tensor(tensor, locations)?;
    }
    for tensor in &graph.sparse_initializer {
        from_sparse(tensor, locations)?;
    }
    from_nodes(&graph.node, locations)
}

fn from_nodes(nodes: &[proto::Node], locations: &mut Locations) -> Result<(), OnnxError> {
    for attribute in nodes.iter().flat_map(|node| &node.attribute) {
        for tensor in attribute.t.as_deref().into_iter().chain(&attribute.tensors) {
            from_tensor(tensor, locations)?;
        }
        for tensor in attribute
            .sparse_tensor
            .as_deref()
            .into_iter()
            .chain(&attribute.sparse_tensors)
        {
            from_sparse(tensor, locations)?;
        }
        for graph in attribute.g.as_deref().into_iter().chain(&attribute.graphs) {
            from_graph(graph, locations)?;
        }
    }
    Ok(())
}

fn from_sparse(tensor: &proto::SparseTensor, locations: &mut Locations) -> Result<(), OnnxError> {
    for part in tensor.values.iter().chain(&tensor.indices) {
        from_tensor(part, locations)?;
    }
    Ok(())
}

fn from_tensor(tensor: &proto::Tensor, locations: &mut Locations) -> Result<(), OnnxError> {
    if tensor.data_location != proto::EXTERNAL {
        return Ok(());
    }
    // A repeated key overrides the one before it, as in the loaders that read these entries into a map.
    let location = tensor.external_data.iter().rev().find(|entry| entry.key == "location");
    let location = location.ok_or(OnnxError::NoLocation)?;
    locations.insert(location.value.clone());
    Ok(())
}

#[cfg(test)]
mod tests;
