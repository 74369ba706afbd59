"""Graphs of ComfyUI, read back from the picture to its prompt."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from creative.images.given import Given
from creative.images.reading import Reading, exact, texts
from creative.images.reading.comfy_graph import from_api
from creative.images.reading.comfyui import from_graph
from creative.images.reading.recipe import Recipe
from tests import reading_files as files
from tests.test_images_reading import read

Inputs = dict[str, Any]
MERGED = '{"prompt": %s, "workflow": {"nodes": []}}'


def graph(**changes: tuple[str, Inputs]) -> dict[str, Any]:
    """The default graph with nodes changed or added: id (n3 is 3) = (class, inputs)."""
    made = copy.deepcopy(files.COMFY)
    for name, (kind, inputs) in changes.items():
        old = made.get(name.removeprefix("n"), {"inputs": {}})
        merged = {**old["inputs"], **inputs} if not kind else inputs
        made[name.removeprefix("n")] = {
            "class_type": kind or old["class_type"],
            "inputs": merged,
        }
    return made


def traced(found: dict[str, Any]) -> Recipe:
    nodes = from_api(found)
    assert nodes is not None
    return from_graph(nodes)


def default(found: Reading) -> None:
    assert (found.prompt, found.negative_prompt) == ("a glass bottle", "text, watermark")
    assert (found.source, found.generator) == ("exact", "ComfyUI")
    # Its seed has 48 bits: no seed of ours, and told.
    assert found.settings == {
        "width": 512, "height": 640, "highres": "off", "steps": 20, "cfg_scale": 8.0,
        "sampler": "Euler a", "scheduler": "normal", "model": "dream", "loras": "ink:0.7",
    }  # fmt: skip
    assert found.other == {"seed": 156680208700286}
    assert any("156680208700286" in note for note in found.notes)
    assert "Clip skip: 2" in found.infotext
    assert "<lora:ink:0.7>" in found.infotext
    assert Given(infotext=found.infotext).read().seed is None


def test_the_default_graph_in_every_place() -> None:
    api = json.dumps(files.COMFY)
    entry = b"prompt:" + api.encode() + b"\0"
    workflow = b'workflow:{"nodes": [], "links": []}\0'
    exif = files.exif({0x0110: entry, 0x010F: workflow})
    swapped = files.exif({0x010F: b"Prompt: " + api.encode() + b"\0"}, order="<")
    comment = files.exif({}, b"UNICODE\0" + f"prompt:{api}".encode("utf-16-be"))
    whole = files.exif({}, b"ASCII\0\0\0" + (MERGED % api).encode())
    for data in (
        files.texts_png({"prompt": api, "workflow": '{"nodes": [], "links": []}'}),
        files.webp(exif),
        files.jpeg(exif),
        files.jpeg(swapped),
        files.jpeg(comment),
        files.webp(whole),
    ):
        default(read(data))


def test_a_small_seed_is_a_setting() -> None:
    found = traced(graph(n3=("", {"seed": 7})))
    assert found.settings()[0]["seed"] == 7
    assert found.other == {}


def test_combined_concatenated_and_controlled() -> None:
    found = traced(
        graph(
            n3=("", {"positive": ["20", 0], "negative": ["20", 1]}),
            n20=("ControlNetApplyAdvanced", {"positive": ["21", 0], "negative": ["7", 0],
                 "control_net": ["30", 0], "image": ["31", 0], "strength": 0.5}),
            n21=("ConditioningCombine", {"conditioning_1": ["6", 0], "conditioning_2": ["22", 0]}),
            n22=("ConditioningSetArea", {"conditioning": ["23", 0], "width": 64, "height": 64}),
            n23=("ConditioningConcat", {"conditioning_to": ["24", 0],
                                        "conditioning_from": ["25", 0]}),
            n24=("CLIPTextEncode", {"text": "left", "clip": ["4", 1]}),
            n25=("CLIPTextEncode", {"text": "right", "clip": ["4", 1]}),
            n30=("ControlNetLoader", {"control_net_name": "canny.safetensors"}),
            n31=("LoadImage", {"image": "x.png"}),
        )
    )  # fmt: skip
    assert found.text.prompt == "a glass bottle AND left BREAK right"
    assert found.text.negative_prompt == "text, watermark"
    assert found.models == ("canny",)
    assert not any("outside" in note for note in found.notes)


def test_flux_with_a_guider() -> None:
    found = traced(
        {
            "1": {"class_type": "UNETLoader", "inputs": {"unet_name": "flux1-dev.safetensors",
                                                         "weight_dtype": "default"}},
            "2": {"class_type": "CLIPTextEncode", "inputs": {"text": ["9", 0], "clip": ["3", 0]}},
            "3": {"class_type": "DualCLIPLoader", "inputs": {"clip_name1": "t5", "type": "flux"}},
            "4": {"class_type": "FluxGuidance", "inputs": {"guidance": 3.5,
                                                           "conditioning": ["2", 0]}},
            "5": {"class_type": "BasicGuider", "inputs": {"model": ["12", 0],
                                                          "conditioning": ["4", 0]}},
            "6": {"class_type": "RandomNoise", "inputs": {"noise_seed": ["10", 0]}},
            "7": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "euler"}},
            "8": {"class_type": "BasicScheduler", "inputs": {"scheduler": "simple", "steps": 20,
                                                             "denoise": 1.0, "model": ["12", 0]}},
            "9": {"class_type": "StringConcatenate", "inputs": {"string_a": "a fox",
                  "string_b": ["11", 0], "delimiter": ", "}},
            "10": {"class_type": "PrimitiveInt", "inputs": {"value": 42}},
            "11": {"class_type": "PrimitiveStringMultiline", "inputs": {"value": "in fog"}},
            "12": {"class_type": "LoraLoaderModelOnly", "inputs": {"model": ["1", 0],
                   "lora_name": "anime.safetensors", "strength_model": 0.9}},
            "13": {"class_type": "SamplerCustomAdvanced", "inputs": {"noise": ["6", 0],
                   "guider": ["5", 0], "sampler": ["7", 0], "sigmas": ["8", 0],
                   "latent_image": ["14", 0]}},
            "14": {"class_type": "EmptySD3LatentImage", "inputs": {"width": 1024, "height": 768,
                                                                   "batch_size": 1}},
            "15": {"class_type": "VAEDecode", "inputs": {"samples": ["13", 0], "vae": ["16", 0]}},
            "16": {"class_type": "VAELoader", "inputs": {"vae_name": "ae.safetensors"}},
            "17": {"class_type": "SaveImage", "inputs": {"images": ["15", 0]}},
        }
    )  # fmt: skip
    assert found.text.prompt == "a fox, in fog"
    assert found.text.negative_prompt == ""
    settings, notes = found.settings()
    assert settings == {
        "width": 1024, "height": 768, "highres": "off", "model": "flux1-dev", "sampler": "Euler",
        "scheduler": "simple", "steps": 20, "cfg_scale": 3.5, "seed": 42, "loras": "anime:0.9",
    }  # fmt: skip
    assert (notes, found.notes) == ([], ())


def test_sdxl_with_a_refiner() -> None:
    def sampler(prompts: tuple[str, str], latent: str, **inputs: Any) -> tuple[str, Inputs]:
        return "KSamplerAdvanced", {
            "noise_seed": 5, "steps": 25, "cfg": 7.0, "sampler_name": "dpmpp_2m",
            "scheduler": "karras", "positive": [prompts[0], 0], "negative": [prompts[1], 0],
            "latent_image": [latent, 0], **inputs,
        }  # fmt: skip

    found = traced(
        graph(
            n3=sampler(("40", "7"), "5", add_noise="enable", start_at_step=0, end_at_step=20,
                       model=["4", 0]),
            n8=("VAEDecode", {"samples": ["41", 0], "vae": ["4", 2]}),
            n40=("CLIPTextEncodeSDXL", {"text_g": "a castle", "text_l": "stone, ruins",
                                        "width": 4096, "clip": ["4", 1]}),
            n41=sampler(("42", "7"), "3", add_noise="disable", start_at_step=20,
                        end_at_step=10000, model=["43", 0]),
            n42=("CLIPTextEncodeSDXLRefiner", {"text": "refined", "ascore": 6, "clip": ["43", 1]}),
            n43=("CheckpointLoaderSimple", {"ckpt_name": "refiner.safetensors"}),
        )
    )  # fmt: skip
    assert found.text.prompt == "a castle\nstone, ruins"
    assert any("different texts" in note for note in found.notes)
    assert found.settings()[0]["model"] == "dream"
    assert found.all_models() == ["dream", "refiner"]
    assert any("refiner" in note for note in found.notes)


def test_a_second_pass() -> None:
    found = traced(
        graph(
            n3=("", {"seed": 5}),
            n8=("VAEDecode", {"samples": ["50", 0], "vae": ["4", 2]}),
            n50=("KSampler", {"seed": 9, "steps": 12, "cfg": 8.0, "sampler_name": "euler",
                              "scheduler": "normal", "denoise": 0.5, "model": ["4", 0],
                              "positive": ["6", 0], "negative": ["7", 0],
                              "latent_image": ["51", 0]}),
            n51=("LatentUpscale", {"upscale_method": "nearest-exact", "width": 1024,
                                   "height": 1280, "crop": "disabled", "samples": ["3", 0]}),
        )
    )  # fmt: skip
    settings, _ = found.settings()
    assert (settings["width"], settings["height"], settings["highres"]) == (1024, 1280, "on")
    assert settings["seed"] == 5
    again = Given(infotext=found.infotext()).read()
    assert again.redraw is not None
    assert (again.redraw.first_pass, again.redraw.second_pass) == ((512, 640), (1024, 1280))
    assert again.strength == 0.5


@pytest.mark.parametrize(
    ("changes", "prompt"),
    [
        ({"n6": ("", {"text": ["60", 0]}), "n60": ("Reroute", {"": ["61", 0]}),
          "n61": ("PrimitiveNode", {"value": "through a reroute"})}, "through a reroute"),
        ({"n3": ("", {"positive": ["60", 0]}), "n60": ("Reroute", {"": ["6", 0]})},
         "a glass bottle"),
        ({"n6": ("", {"text": ["60", 0]}),
          "n60": ("ShowText|pysssss", {"text": ["61", 0], "text_0": "shown"}),
          "n61": ("CR Prompt Text", {"prompt": "written"})}, "written"),
        ({"n6": ("", {"text": ["60", 0]}),
          "n60": ("ImpactWildcardProcessor", {"wildcard_text": "{a|b}", "populated_text": "a",
                                              "mode": "populate"})}, "a"),
        ({"n6": ("", {"text": ["60", 0]}),
          "n60": ("Text Concatenate", {"delimiter": ", ", "clean_whitespace": "true",
                                       "text_a": "one", "text_b": ["61", 0]}),
          "n61": ("Text Multiline", {"text": "two"})}, "one, two"),
        ({"n3": ("KSampler (Efficient)", {"seed": 1, "steps": 20, "cfg": 7.0,
                 "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0,
                 "model": ["60", 0], "positive": ["60", 1], "negative": ["60", 2],
                 "latent_image": ["60", 3]}),
          "n60": ("Efficient Loader", {"ckpt_name": "e.safetensors", "positive": "efficient",
                  "negative": "text, watermark", "empty_latent_width": 512})}, "efficient"),
    ],
    ids=["primitive", "reroute", "show", "wildcard", "concat", "efficient"],
)  # fmt: skip
def test_texts_from_other_nodes(changes: dict[str, Any], prompt: str) -> None:
    found = traced(graph(**changes))
    assert found.text.prompt == prompt
    assert found.text.negative_prompt == "text, watermark"
    outside = any("outside ComfyUI" in note for note in found.notes)
    kinds = {kind for kind, _ in changes.values()} - {"", "Reroute", "PrimitiveNode"}
    assert outside == bool(kinds)


def test_other_peoples_loras() -> None:
    stack = {"lora_1": {"on": True, "lora": "a.safetensors", "strength": 0.3},
             "lora_2": {"on": False, "lora": "b.safetensors", "strength": 1},
             "model": ["4", 0], "clip": ["4", 1]}  # fmt: skip
    found = traced(graph(n10=("Power Lora Loader (rgthree)", stack)))
    assert [(lora.name, lora.weight) for lora in found.loras] == [("a", 0.3)]


def test_a_zeroed_negative_and_another_picture() -> None:
    found = traced(
        graph(
            n3=("", {"negative": ["60", 0], "latent_image": ["61", 0], "denoise": 0.6}),
            n60=("ConditioningZeroOut", {"conditioning": ["6", 0]}),
            n61=("VAEEncode", {"pixels": ["62", 0], "vae": ["4", 2]}),
            n62=("LoadImage", {"image": "start.png"}),
        )
    )
    assert found.text.negative_prompt == ""
    assert found.text.strength == 0.6
    assert "width" not in found.settings()[0]
    assert any("another picture" in note for note in found.notes)


def test_only_the_sampler_of_the_saved_picture_counts() -> None:
    """A second branch, whose picture nobody saved, stands first in the file."""
    other = {
        "0": {"class_type": "KSampler", "inputs": {**files.COMFY["3"]["inputs"], "seed": 1,
              "positive": ["01", 0]}},
        "01": {"class_type": "CLIPTextEncode", "inputs": {"text": "not this", "clip": ["4", 1]}},
    }  # fmt: skip
    assert traced({**other, **files.COMFY}).text.prompt == "a glass bottle"


def test_the_editors_form_alone() -> None:
    editor = {
        "nodes": [
            {"id": 3, "type": "KSampler", "inputs": [
                {"name": "model", "link": 1}, {"name": "positive", "link": 2},
                {"name": "negative", "link": 3}, {"name": "latent_image", "link": 4}],
             "widgets_values": [77, "randomize", 20, 8, "euler", "normal", 1]},
            {"id": 4, "type": "CheckpointLoaderSimple", "widgets_values": ["m.safetensors"]},
            {"id": 5, "type": "EmptyLatentImage", "widgets_values": [512, 320, 1]},
            {"id": 6, "type": "CLIPTextEncode", "widgets_values": ["a tree"], "inputs": []},
            {"id": 7, "type": "CLIPTextEncode", "widgets_values": ["fog"], "inputs": None},
            {"id": 9, "type": "SaveImage", "inputs": [{"name": "images", "link": 6}],
             "widgets_values": ["x"]},
            {"id": 8, "type": "VAEDecode", "inputs": [{"name": "samples", "link": 5}]},
        ],
        "links": [[1, 4, 0, 3, 0, "MODEL"], [2, 6, 0, 3, 1, "CONDITIONING"],
                  [3, 7, 0, 3, 2, "CONDITIONING"], [4, 5, 0, 3, 3, "LATENT"],
                  [5, 3, 0, 8, 0, "LATENT"], [6, 8, 0, 9, 0, "IMAGE"]],
    }  # fmt: skip
    found = read(files.texts_png({"workflow": json.dumps(editor)}))
    assert (found.prompt, found.negative_prompt) == ("a tree", "fog")
    assert (found.settings["seed"], found.settings["width"]) == (77, 512)
    assert any("editor" in note for note in found.notes)


def test_a_text_beside_a_graph_wins_and_the_graph_tells_who_drew() -> None:
    data = files.texts_png({"prompt": json.dumps(files.COMFY), "parameters": files.A1111})
    found = read(data)
    assert found.prompt.startswith("a lighthouse")
    assert found.generator == "ComfyUI"
    assert "extra" not in found.settings


def test_what_a_node_wrote_while_drawing_is_not_told_as_the_prompt() -> None:
    """A question to a language model is no prompt; a node that shows the answer has it."""
    graph = json.loads(json.dumps(files.COMFY))
    graph["6"]["inputs"]["text"] = ["20", 0]
    graph["20"] = {"class_type": "OpenAIChat", "inputs": {"prompt": "write me a prompt"}}
    carried = texts.Texts("png", 0, 0, {"prompt": json.dumps(graph)})
    assert exact.said(carried) is None
    assert any("written by OpenAIChat" in note for note in carried.notes)
    graph["6"]["inputs"]["text"] = ["21", 0]
    shown = {"text": ["20", 0], "text_0": "a mill at dusk"}
    graph["21"] = {"class_type": "ShowText|pysssz", "inputs": shown}
    recipe = exact.said(texts.Texts("png", 0, 0, {"prompt": json.dumps(graph)}))
    assert recipe is not None
    assert recipe.text.prompt == "a mill at dusk"


def test_settings_without_a_prompt_are_named() -> None:
    text = "Steps: 20, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 64x64, Version: v1.10.1"
    carried = texts.Texts("png", 0, 0, {"parameters": text})
    assert exact.said(carried) is None
    assert carried.notes == ["The file has settings of AUTOMATIC1111 and an empty prompt."]
