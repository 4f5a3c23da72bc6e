"""The network that is trained is BERT's, so that multilingual-e5-small's weights mean in it what they meant before."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch
from transformers import BertConfig, BertModel

MODEL = Path(__file__).parents[2] / "training" / "model.py"


def test_the_body_computes_what_transformers_computes() -> None:
    spec = importlib.util.spec_from_file_location("reader_model", MODEL)
    assert spec is not None
    assert spec.loader is not None
    model = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(model)
    config = BertConfig(
        vocab_size=2,
        hidden_size=model.HIDDEN,
        num_hidden_layers=model.LAYERS,
        num_attention_heads=model.HEADS,
        intermediate_size=model.WIDE,
        max_position_embeddings=model.POSITIONS,
        layer_norm_eps=model.EPSILON,
    )
    torch.manual_seed(0)
    theirs = BertModel(config, add_pooling_layer=False).eval()
    theirs.embeddings.word_embeddings = None
    ours = model.Body().eval()
    ours.load_state_dict(theirs.state_dict())
    words, mask = torch.randn(2, 40, model.HIDDEN), torch.ones(2, 40, dtype=torch.bool)
    mask[1, 25:] = False
    with torch.no_grad():
        expected = theirs(inputs_embeds=words, attention_mask=mask).last_hidden_state
        found = ours(words, mask)
    assert torch.allclose(found[mask], expected[mask], atol=1e-5)
