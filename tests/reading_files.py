"""Pictures as the generators write them, made from their documentation and sources."""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from typing import Any

import numpy
from PIL import Image

from creative.images.containers import PNG_SIGNATURE, png_chunk, png_chunks
from tests.pictures import photo, saved

A1111 = (
    "a lighthouse, <lora:film grain:0.8> (storm:1.2)\non a cliff\n"
    "Negative prompt: blurry, [people]\n"
    "Steps: 24, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: 4294967295, "
    "Size: 512x768, Model hash: 45dee52b, Model: dreamshaper_8, VAE: vae-ft-mse.safetensors, "
    "Denoising strength: 0.45, Clip skip: 2, Hires upscale: 1.5, Hires steps: 9, "
    'Hires upscaler: R-ESRGAN 4x+, Lora hashes: "film grain: 0123abcd", Version: v1.10.1'
)

COMFY: dict[str, Any] = {
    "3": {
        "class_type": "KSampler",
        "inputs": {
            "seed": 156680208700286, "steps": 20, "cfg": 8.0, "sampler_name": "euler_ancestral",
            "scheduler": "normal", "denoise": 1.0, "model": ["10", 0], "positive": ["6", 0],
            "negative": ["7", 0], "latent_image": ["5", 0],
        },
    },
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "SD/dream.safetensors"}},
    "5": {"class_type": "EmptyLatentImage",
          "inputs": {"width": 512, "height": 640, "batch_size": 1}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a glass bottle", "clip": ["11", 0]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "text, watermark", "clip": ["11", 0]}},
    "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
    "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "x", "images": ["8", 0]}},
    "10": {
        "class_type": "LoraLoader",
        "inputs": {"lora_name": "styles\\ink.safetensors", "strength_model": 0.7,
                   "strength_clip": 1.0, "model": ["4", 0], "clip": ["4", 1]},
    },
    "11": {"class_type": "CLIPSetLastLayer",
           "inputs": {"stop_at_clip_layer": -2, "clip": ["10", 1]}},
}  # fmt: skip
"""ComfyUI's default graph, with a LoRA and a clip skip."""

NOVELAI = {
    "prompt": "1girl, {lighthouse}, sea", "steps": 28, "height": 1216, "width": 832, "scale": 5.0,
    "uncond_scale": 0.0, "cfg_rescale": 0.0, "seed": 3468250285, "n_samples": 1,
    "noise_schedule": "karras", "sampler": "k_euler_ancestral", "uc": "lowres, bad hands",
    "request_type": "PromptGenerateRequest", "signed_hash": "x" * 88,
    "v4_prompt": {"caption": {"base_caption": "1girl, {lighthouse}, sea", "char_captions": [
        {"char_caption": "girl, red hair", "centers": [{"x": 0.5, "y": 0.5}]}]}},
    "v4_negative_prompt": {"caption": {"base_caption": "lowres, bad hands", "char_captions": []}},
}  # fmt: skip
NOVELAI_OUTSIDE: dict[str, str] = {
    "Title": "NovelAI generated image", "Description": "1girl, {lighthouse}, sea",
    "Software": "NovelAI",
    "Source": "NovelAI Diffusion V4.5 4BDE2A90", "Generation time": "3.1",
    "Comment": json.dumps(NOVELAI),
}  # fmt: skip

INVOKE = {
    "app_version": "4.2.9", "generation_mode": "sdxl_txt2img", "positive_prompt": "a red barn",
    "negative_prompt": "cars", "width": 1024, "height": 768, "seed": 3735928559,
    "rand_device": "cpu", "cfg_scale": 5.5, "cfg_rescale_multiplier": 0, "steps": 30,
    "scheduler": "dpmpp_2m_k", "clip_skip": 1, "seamless_x": False,
    "model": {"key": "k", "hash": "blake3:0", "name": "juggernaut-xl", "base": "sdxl",
              "type": "main"},
    "loras": [{"model": {"key": "l", "name": "barns", "type": "lora"}, "weight": 0.75}],
    "positive_style_prompt": "watercolour",
}  # fmt: skip
INVOKE_OLDER = {
    "model": "stable diffusion", "model_weights": "stable-diffusion-1.5", "model_hash": "cc6c",
    "app_id": "invoke-ai/InvokeAI", "app_version": "2.3.0",
    "image": {"prompt": [{"prompt": "a red barn [cars, people]", "weight": 1}], "steps": 50,
              "cfg_scale": 7.5, "threshold": 0, "perlin": 0, "height": 512, "width": 640,
              "seed": 123, "seamless": False, "type": "txt2img", "postprocessing": None,
              "sampler": "k_euler_a", "variations": []},
}  # fmt: skip
DREAM = '"a red barn [cars]" -s 50 -S 123 -W 640 -H 512 -C 7.5 -A k_lms'

FOOOCUS = {
    "adm_guidance": "(1.5, 0.8, 0.3)", "base_model": "juggernautXL_v8Rundiffusion",
    "base_model_hash": "aeb7e9e689", "clip_skip": 2, "full_negative_prompt": ["ugly", "worst"],
    "full_prompt": ["cinematic still of a fox"], "guidance_scale": 4, "lora_combined_1":
    "sd_xl_offset_example-lora_1.0 : 0.1", "loras": [["sd_xl_offset_example-lora_1.0", 0.1, "47"]],
    "metadata_scheme": "fooocus", "negative_prompt": "ugly", "performance": "Speed",
    "prompt": "a fox", "refiner_model": "None", "refiner_switch": 0.5,
    "resolution": "(1152, 896)", "sampler": "dpmpp_2m_sde_gpu", "scheduler": "karras",
    "seed": "2871424171", "sharpness": 2, "steps": 30, "styles": "['Fooocus V2']",
    "vae": "Default (model)", "version": "Fooocus v2.5.5",
}  # fmt: skip
FOOOCUS_A1111 = (
    "cinematic still of a fox, sharp\nNegative prompt: ugly, worst\n"
    "Steps: 30, Sampler: DPM++ 2M SDE Karras, Seed: 2871424171, Size: 1152x896, CFG scale: 4, "
    'Sharpness: 2, ADM Guidance: "(1.5, 0.8, 0.3)", Model: juggernautXL_v8, Model hash: aeb7, '
    "Performance: Speed, Scheduler: karras, VAE: Default (model), Raw prompt: a fox, "
    'Raw negative prompt: ugly, Lora hashes: "off: 4852686128", Lora weights: "off: 0.1", '
    "Version: Fooocus v2.5.5"
)
SDNEXT = (
    "a fox\nNegative prompt: ugly\n"
    "Steps: 20, Size: 1024x768, Sampler: Euler a, Scheduler: EulerAncestralDiscreteScheduler, "
    "Seed: 99, CFG scale: 6.0, CLiP-skip: 2, App: SD.Next, Version: 058a7f0, "
    "Pipeline: StableDiffusionXLPipeline, Operations: txt2img; hires, Model: fox, Refine: True, "
    "Hires upscaler: Latent Nearest, Hires scale: 1.5, Hires size: 1536x1152, Hires force: True, "
    "Hires steps: 10, Hires strength: 0.4"
)
SDCPP = (
    "a fox\nNegative prompt: ugly\n"
    "Steps: 4, CFG scale: 7.000000, Guidance: 3.500000, Eta: inf, Seed: 123, Size: 64x64, "
    "Model: tinyFull.safetensors, RNG: cuda, Sampler: euler_a karras, "
    'Version: stable-diffusion.cpp, SDCPP: {"prompt":"a fox, Steps: 99, Seed: 7","steps":4}'
)
SWARM = {
    "sui_image_params": {"prompt": "a fox", "model": "Flux/flux1-dev-fp8", "seed": 123998,
                         "steps": 25, "cfgscale": 1.0, "width": 512, "height": 768,
                         "sampler": "euler", "scheduler": "simple", "negativeprompt": "",
                         "loras": ["a/fur"], "loraweights": ["0.5"], "swarm_version": "0.9.1.1"}
}  # fmt: skip
DRAW_THINGS = {
    "c": "a red cube & <sky>", "uc": "blue", "model": "model_q6p.ckpt",
    "sampler": "DPM++ 2M Karras",
    "scale": 4.5, "seed": 2441935286, "size": "640x512", "steps": 8, "strength": 1, "shift": 3,
    "lora": [{"model": "detail.ckpt", "weight": 0.8}],
    "v2": {"loras": [{"file": "detail.ckpt", "weight": 0.8}]},
}  # fmt: skip


def small(mode: str = "RGB", width: int = 96, height: int = 64) -> Image.Image:
    """A small picture."""
    return photo(width, height, mode)


def png(*chunks: bytes, picture: bytes | None = None) -> bytes:
    """A PNG with these chunks after its header."""
    plain = saved(small()) if picture is None else picture
    header = png_chunks(plain)[0]
    return plain[: header.end] + b"".join(chunks) + plain[header.end :]


def text_chunk(name: str, value: str) -> bytes:
    """tEXt where Latin-1 can hold it, else iTXt, as Pillow does."""
    try:
        return png_chunk(b"tEXt", name.encode() + b"\0" + value.encode("latin-1"))
    except UnicodeEncodeError:
        return png_chunk(b"iTXt", name.encode() + b"\0\0\0\0\0" + value.encode())


def packed_chunk(name: str, value: bytes, kind: bytes = b"zTXt") -> bytes:
    """A compressed text."""
    packed = zlib.compress(value, 9)
    middle = b"\0\0" if kind == b"zTXt" else b"\0\1\0\0\0"
    return png_chunk(kind, name.encode() + middle + packed)


def texts_png(values: dict[str, str]) -> bytes:
    """A PNG with these texts."""
    return png(*(text_chunk(name, value) for name, value in values.items()))


def exif(entries: dict[int, bytes], comment: bytes | None = None, order: str = ">") -> bytes:
    """EXIF with ASCII entries in the root directory, and a UserComment in its own.

    Args:
        entries: tag -> text, NUL included.
        comment: the UserComment with its eight letters of encoding.
        order: > or <, the byte order.
    """
    mark = b"MM" if order == ">" else b"II"
    count = len(entries) + (comment is not None)
    at = 8 + 2 + 12 * count + 4
    rows, tail = [], b""
    for tag, value in sorted(entries.items()):
        place = (
            value.ljust(4, b"\0") if len(value) <= 4 else struct.pack(order + "I", at + len(tail))
        )
        rows.append(struct.pack(order + "HHI", tag, 2, len(value)) + place)
        if len(value) > 4:
            tail += value + b"\0" * (len(value) % 2)
    if comment is not None:
        nested = at + len(tail)
        rows.append(struct.pack(order + "HHII", 0x8769, 4, 1, nested))
        tail += struct.pack(order + "H", 1)
        tail += struct.pack(order + "HHII", 0x9286, 7, len(comment), nested + 2 + 12 + 4)
        tail += b"\0\0\0\0" + comment
    head = mark + struct.pack(order + "HI", 42, 8) + struct.pack(order + "H", count)
    return head + b"".join(rows) + b"\0\0\0\0" + tail


def jpeg(exif_data: bytes = b"", segments: bytes = b"") -> bytes:
    """A JPEG with this EXIF, or these segments."""
    plain = saved(small(), "JPEG")
    if exif_data:
        body = b"Exif\0\0" + exif_data
        segments += b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
    return plain[:2] + segments + plain[2:]


def webp(exif_data: bytes, **options: Any) -> bytes:
    """A WebP with this EXIF."""
    return saved(small(), "WEBP", exif=b"Exif\0\0" + exif_data, **options)


def xmp(comment: dict[str, Any], tool: str = "Draw Things") -> str:
    """XMP as Draw Things writes it."""
    text = json.dumps(comment).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 6.0.0"><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
        'xmlns:exif="http://ns.adobe.com/exif/1.0/"><dc:description><rdf:Alt>'
        '<rdf:li xml:lang="x-default">a red cube&#xA;-blue&#xA;Steps: 8</rdf:li></rdf:Alt>'
        f"</dc:description><xmp:CreatorTool>{tool}</xmp:CreatorTool><exif:UserComment><rdf:Alt>"
        f'<rdf:li xml:lang="x-default">{text}</rdf:li></rdf:Alt></exif:UserComment>'
        "</rdf:Description></rdf:RDF></x:xmpmeta>"
    )


def stealth(text: str, bands: str = "A", packed: bool = True, kind: str = "PNG") -> bytes:
    """A picture with a text in its lowest bits, bit by bit as its readers expect it."""
    content = gzip.compress(text.encode()) if packed else text.encode()
    name = b"stealth_" + (b"png" if bands == "A" else b"rgb") + (b"comp" if packed else b"info")
    stream = name + struct.pack(">I", len(content) * 8) + content
    bits = [byte >> (7 - place) & 1 for byte in stream for place in range(8)]
    width = max(200, -(-len(bits) // 160))
    image = small("RGBA" if bands == "A" else "RGB", width, 160)
    pixels = numpy.array(image)
    if bands == "A":
        pixels[:, :, 3] = 255
    position = 0
    for x in range(image.width):
        for y in range(image.height):
            for band in (3,) if bands == "A" else (0, 1, 2):
                if position < len(bits):
                    pixels[y, x, band] = int(pixels[y, x, band]) & 0xFE | bits[position]
                    position += 1
    made = Image.fromarray(pixels, image.mode)
    return saved(made, kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {}))


__all__ = ["PNG_SIGNATURE", "png_chunk"]
