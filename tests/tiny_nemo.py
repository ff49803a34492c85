"""Tiny .nemo archives with random weights, made by NeMo's own classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.tiny_nvidia import CONTROLS

_TEXT = """
And so my fellow Americans ask not what your country can do for you ask what you can do for your country
it was the first great sorrow of his life it was not so much the loss of the cotton itself
Das erschien mir nicht sinnvoll es war ganz gewiss nicht fair Pensez à l'itinéraire de ski comme à un itinéraire
"""
_WIDTH = 48
_SYMBOLS = "nemo.collections.asr.modules"


def tokenizer(folder: Path, controls: Sequence[str] = ()) -> Path:
    """A SentencePiece model in a folder; `controls` are whole tokens."""
    import sentencepiece

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "text").write_text(_TEXT * 20)
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "text"),
        model_prefix=str(folder / "tokenizer"),
        vocab_size=128 + len(controls),
        model_type="bpe",
        character_coverage=1.0,
        user_defined_symbols=list(controls),
        hard_vocab_limit=False,
        minloglevel=2,
        **({"pad_id": 2, "bos_id": -1, "eos_id": -1, "unk_id": 0} if controls else {"bos_id": -1, "eos_id": -1}),
    )
    with (folder / "vocab.txt").open("w") as written:
        processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
        written.writelines(processor.id_to_piece(i) + "\n" for i in range(processor.get_piece_size()))
    return folder


def _preprocessor(mels: int) -> dict[str, Any]:
    return {
        "_target_": f"{_SYMBOLS}.AudioToMelSpectrogramPreprocessor",
        "sample_rate": 16_000,
        "normalize": "per_feature",
        "window_size": 0.025,
        "window_stride": 0.01,
        "window": "hann",
        "features": mels,
        "n_fft": 512,
        "log": True,
        "frame_splicing": 1,
        "dither": 0.00001,
        "pad_to": 0,
    }


def _encoder(mels: int) -> dict[str, Any]:
    return {
        "_target_": f"{_SYMBOLS}.ConformerEncoder",
        "feat_in": mels,
        "feat_out": -1,
        "n_layers": 2,
        "d_model": _WIDTH,
        "subsampling": "dw_striding",
        "subsampling_factor": 8,
        "subsampling_conv_channels": 16,
        "ff_expansion_factor": 2,
        "self_attention_model": "rel_pos",
        "n_heads": 4,
        "conv_kernel_size": 9,
        "conv_norm_type": "batch_norm",
        "dropout": 0.0,
        "dropout_pre_encoder": 0.0,
        "dropout_emb": 0.0,
        "dropout_att": 0.0,
    }


def _decoding(durations: Sequence[int]) -> dict[str, Any]:
    made: dict[str, Any] = {"strategy": "greedy_batch", "greedy": {"max_symbols": 10}}
    if durations:
        made |= {"model_type": "tdt", "durations": list(durations)}
    return made


def parakeet_tdt(file: Path, seed: int = 0) -> None:
    """A Parakeet TDT that knows nothing."""
    _transducer(file, seed, durations=[0, 1, 2, 3, 4])


def parakeet_rnnt(file: Path, seed: int = 0) -> None:
    """A Parakeet RNN-T that knows nothing."""
    _transducer(file, seed, durations=[])


def parakeet_hybrid(file: Path, seed: int = 0) -> None:
    """A Parakeet TDT that knows nothing, with a CTC decoder beside."""
    _transducer(file, seed, durations=[0, 1, 2, 3, 4], hybrid=True)


def _transducer(file: Path, seed: int, durations: Sequence[int], *, hybrid: bool = False) -> None:
    import torch
    from nemo.collections.asr.models import EncDecHybridRNNTCTCBPEModel, EncDecRNNTBPEModel
    from omegaconf import OmegaConf

    torch.manual_seed(seed)
    joint: dict[str, Any] = {
        "_target_": f"{_SYMBOLS}.RNNTJoint",
        "log_softmax": None,
        "preserve_memory": False,
        "fuse_loss_wer": False,
        "fused_batch_size": -1,
        "jointnet": {
            "joint_hidden": 32,
            "activation": "relu",
            "dropout": 0.0,
            "encoder_hidden": _WIDTH,
            "pred_hidden": 32,
        },
    }
    defaults = {"enc_hidden": _WIDTH, "pred_hidden": 32, "joint_hidden": 32}
    loss: dict[str, Any] = {"loss_name": "default"}
    if durations:
        joint["num_extra_outputs"] = len(durations)
        defaults |= {"tdt_durations": list(durations), "num_tdt_durations": len(durations)}
        loss = {"loss_name": "tdt", "tdt_kwargs": {"durations": list(durations), "fastemit_lambda": 0.0}}
    config = {
        "sample_rate": 16_000,
        "model_defaults": defaults,
        "tokenizer": {"dir": str(tokenizer(file.parent / "tokens")), "type": "bpe"},
        "preprocessor": _preprocessor(80),
        "encoder": _encoder(80),
        "decoder": {
            "_target_": f"{_SYMBOLS}.RNNTDecoder",
            "normalization_mode": None,
            "random_state_sampling": False,
            "blank_as_pad": True,
            "prednet": {"pred_hidden": 32, "pred_rnn_layers": 1, "t_max": None, "dropout": 0.0},
        },
        "joint": joint,
        "decoding": _decoding(durations),
        "loss": loss,
        "optim": {"name": "adamw", "lr": 0.1},
    }
    if hybrid:
        config["aux_ctc"] = {
            "ctc_loss_weight": 0.3,
            "use_cer": False,
            "ctc_reduction": "mean_batch",
            "decoder": {
                "_target_": f"{_SYMBOLS}.ConvASRDecoder",
                "feat_in": None,
                "num_classes": -1,
                "vocabulary": [],
            },
            "decoding": {"strategy": "greedy_batch"},
        }
    model = (EncDecHybridRNNTCTCBPEModel if hybrid else EncDecRNNTBPEModel)(OmegaConf.create(config)).eval()
    _spread(model, model.joint.joint_net[-1], len(durations))
    model.save_to(str(file))


def _spread(model: Any, head: Any, durations: int) -> None:
    """Let the audio decide what an untrained network says, and a blank come now and then."""
    import torch

    with torch.no_grad():
        noise = torch.randn(1, 6 * 16_000, generator=torch.Generator().manual_seed(1)).cumsum(1)
        noise = 0.1 * (noise - noise.mean()) / noise.std()
        encoded, _ = model(input_signal=noise, input_signal_length=torch.tensor([noise.shape[1]]))
        hidden = model.joint.enc(encoded.transpose(1, 2))[0].relu()
        head.weight.mul_(4 / (hidden @ head.weight.T).std(0).mean())
        head.bias.copy_(-(hidden @ head.weight.T).mean(0))
        logits = hidden @ head.weight.T + head.bias
        blank = len(logits[0]) - durations - 1
        head.bias[blank] += (logits[:, :blank].amax(1) - logits[:, blank]).median()
        if durations:
            head.bias[blank + 1] -= 1e4


def parakeet_ctc(file: Path, seed: int = 0) -> None:
    """A Parakeet CTC that knows nothing."""
    import torch
    from nemo.collections.asr.models import EncDecCTCModelBPE
    from omegaconf import OmegaConf

    torch.manual_seed(seed)
    config = {
        "sample_rate": 16_000,
        "tokenizer": {"dir": str(tokenizer(file.parent / "tokens")), "type": "bpe"},
        "preprocessor": _preprocessor(80),
        "encoder": _encoder(80),
        "decoder": {"_target_": f"{_SYMBOLS}.ConvASRDecoder", "feat_in": _WIDTH, "num_classes": -1, "vocabulary": []},
        "decoding": {"strategy": "greedy_batch"},
    }
    model = EncDecCTCModelBPE(OmegaConf.create(config)).eval()
    with torch.no_grad():
        model.decoder.decoder_layers[0].weight.mul_(30)
    model.save_to(str(file))


def canary(file: Path, seed: int = 0) -> None:
    """A Canary that knows nothing."""
    import torch
    from nemo.collections.asr.models import EncDecMultiTaskModel
    from nemo.collections.asr.parts.submodules.multitask_decoding import MultiTaskDecodingConfig
    from omegaconf import OmegaConf

    torch.manual_seed(seed)
    controls = [c for c in CONTROLS if c not in ("<unk>", "<pad>")]
    folder = str(tokenizer(file.parent / "canary-tokens", controls))
    custom = "nemo.collections.common.tokenizers.canary_tokenizer.CanaryBPETokenizer"
    config = {
        "sample_rate": 16_000,
        "prompt_format": "canary2",
        "prompt_defaults": [
            {
                "role": "user",
                "slots": {
                    "decodercontext": "",
                    "source_lang": "<|en|>",
                    "target_lang": "<|en|>",
                    "emotion": "<|emo:undefined|>",
                    "pnc": "<|pnc|>",
                    "itn": "<|noitn|>",
                    "diarize": "<|nodiarize|>",
                    "timestamp": "<|notimestamp|>",
                },
            }
        ],
        "model_defaults": {"asr_enc_hidden": _WIDTH, "lm_enc_hidden": _WIDTH, "lm_dec_hidden": _WIDTH},
        "tokenizer": {"dir": folder, "type": "bpe", "custom_tokenizer": {"_target_": custom}},
        "preprocessor": _preprocessor(128),
        "encoder": _encoder(128),
        "transf_encoder": None,
        "transf_decoder": {
            "_target_": "nemo.collections.asr.modules.transformer.get_nemo_transformer",
            "model_name": None,
            "pretrained": False,
            "encoder": None,
            "pre_ln_final_layer_norm": True,
            "config_dict": {
                "max_sequence_length": 256,
                "num_token_types": 0,
                "embedding_dropout": 0.0,
                "learn_positional_encodings": False,
                "hidden_size": _WIDTH,
                "inner_size": 96,
                "num_layers": 2,
                "num_attention_heads": 4,
                "ffn_dropout": 0.0,
                "attn_score_dropout": 0.0,
                "attn_layer_dropout": 0.0,
                "hidden_act": "relu",
                "pre_ln": True,
            },
        },
        "head": {
            "_target_": "nemo.collections.asr.parts.submodules.token_classifier.TokenClassifier",
            "num_layers": 1,
            "activation": "relu",
            "log_softmax": True,
            "hidden_size": _WIDTH,
            "use_transformer_init": True,
            "dropout": 0.0,
            "num_classes": -1,
        },
        "decoding": OmegaConf.to_container(OmegaConf.structured(MultiTaskDecodingConfig(strategy="greedy"))),
        "loss": {
            "_target_": "nemo.collections.common.losses.smoothed_cross_entropy.SmoothedCrossEntropyLoss",
            "label_smoothing": 0.0,
        },
    }
    model = EncDecMultiTaskModel(OmegaConf.create(config)).eval()
    with torch.no_grad():
        model.log_softmax.mlp.layer0.bias[: len(CONTROLS)] = -1e3
    model.save_to(str(file))
