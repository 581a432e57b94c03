use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};

use super::proto::{Attribute, EXTERNAL, Function, Graph, Model, Node, SparseTensor, StringStringEntry, Tensor};
use super::*;

fn entry(key: &str, value: &str) -> StringStringEntry {
    StringStringEntry {
        key: key.to_owned(),
        value: value.to_owned(),
    }
}

fn external(location: &str) -> Tensor {
    Tensor {
        external_data: vec![entry("offset", "0"), entry("location", location)],
        data_location: EXTERNAL,
    }
}

fn sparse(values: &str, indices: &str) -> SparseTensor {
    SparseTensor {
        values: Some(external(values)),
        indices: Some(external(indices)),
    }
}

fn node(attribute: Attribute) -> Node {
    Node {
        attribute: vec![attribute],
    }
}

fn model(graph: Graph) -> Model {
    Model {
        graph: Some(graph),
        functions: Vec::new(),
    }
}

#[test]
fn every_place_that_holds_tensors_is_looked_at() {
    let subgraph = |name: &str| Graph {
        initializer: vec![external(name)],
        ..Graph::default()
    };
    let nested = Graph {
        node: vec![node(Attribute {
            g: Some(Box::new(subgraph("nested"))),
            ..Attribute::default()
        })],
        ..Graph::default()
    };
    let attribute = Attribute {
        t: Some(Box::new(external("t"))),
        g: Some(Box::new(nested)),
        tensors: vec![external("tensors")],
        graphs: vec![subgraph("graphs")],
        sparse_tensor: Some(Box::new(sparse("sparse.values", "sparse.indices"))),
        sparse_tensors: vec![sparse("sparses.values", "sparses.indices")],
    };
    let mut model = model(Graph {
        node: vec![node(attribute)],
        initializer: vec![external("z"), external("é"), external("z")],
        sparse_initializer: vec![sparse("a", "b")],
    });
    model.functions = vec![Function {
        node: vec![node(Attribute {
            t: Some(Box::new(external("function"))),
            ..Attribute::default()
        })],
    }];
    assert_eq!(
        external_data(&model.encode_to_vec()).as_deref(),
        Ok(&[
            "a",
            "b",
            "function",
            "graphs",
            "nested",
            "sparse.indices",
            "sparse.values",
            "sparses.indices",
            "sparses.values",
            "t",
            "tensors",
            "z",
            "é"
        ]
        .map(str::to_owned)[..])
    );
}

#[test]
fn tensors_in_the_model_have_no_location() {
    let inline = Tensor {
        data_location: 0,
        ..external("stale")
    };
    let graph = Graph {
        initializer: vec![inline],
        ..Graph::default()
    };
    assert_eq!(external_data(&model(graph).encode_to_vec()), Ok(Vec::new()));
}

#[test]
fn an_external_tensor_needs_a_location() {
    let tensor = Tensor {
        external_data: vec![entry("offset", "0")],
        data_location: EXTERNAL,
    };
    let graph = Graph {
        initializer: vec![tensor],
        ..Graph::default()
    };
    assert_eq!(external_data(&model(graph).encode_to_vec()), Err(OnnxError::NoLocation));
}

#[test]
fn unknown_fields_are_skipped() {
    let mut bytes = Vec::new();
    encode_key(9, WireType::LengthDelimited, &mut bytes);
    encode_varint(1 << 16, &mut bytes);
    bytes.resize(bytes.len() + (1 << 16), 0xff);
    model(Graph::default()).encode(&mut bytes).unwrap();
    assert_eq!(external_data(&bytes), Ok(Vec::new()));
}

#[test]
fn what_is_no_model_is_refused() {
    assert_eq!(external_data(b""), Err(OnnxError::NoGraph));
    assert_eq!(
        external_data(&Model::default().encode_to_vec()),
        Err(OnnxError::NoGraph)
    );
    for bytes in [&b"PK\x03\x04"[..], b"<?xml version=\"1.0\"?>", b"\x00", &[0xff; 64]] {
        assert!(
            matches!(external_data(bytes), Err(OnnxError::Decode(_) | OnnxError::NoGraph)),
            "{bytes:?}"
        );
    }
    let whole = model(Graph {
        initializer: vec![external("weights")],
        ..Graph::default()
    });
    let whole = whole.encode_to_vec();
    for end in 1..whole.len() {
        assert!(external_data(&whole[..end]).is_err());
    }
}

#[test]
fn a_declared_length_beyond_the_data_is_refused() {
    for declared in [100, 1 << 40, u64::MAX] {
        let mut bytes = Vec::new();
        encode_key(7, WireType::LengthDelimited, &mut bytes);
        encode_varint(declared, &mut bytes);
        assert!(matches!(external_data(&bytes), Err(OnnxError::Decode(_))));
    }
}

#[test]
fn nesting_is_bounded() {
    let mut graph = Graph::default();
    for _ in 0..200 {
        graph = Graph {
            node: vec![node(Attribute {
                g: Some(Box::new(graph)),
                ..Attribute::default()
            })],
            ..Graph::default()
        };
    }
    assert!(matches!(
        external_data(&model(graph).encode_to_vec()),
        Err(OnnxError::Decode(_))
    ));
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..512)) {
        let _ = external_data(&bytes);
    }
}
