"""Make thumbnails with Pillow: the output directory, then the images. Run by benches/peers/thumbnails.

With --sample PATH WIDTH HEIGHT, enlarge the image after them instead, with noise as of a sensor, into PATH.
"""

import sys
from pathlib import Path

from PIL import Image


def make(directory: Path, files: list[str]) -> None:
    """Make one JPEG of at most 256 by 256 pixels from each image."""
    for file in files:
        with Image.open(file) as image:
            image.thumbnail((256, 256))
            image.convert("RGB").save(directory / f"{Path(file).stem}.jpg", quality=80)


def enlarge(path: str, width: int, height: int, source: str) -> None:
    """Write a large image; without noise, a decoder has little to do."""
    with Image.open(source) as image:
        large = image.convert("RGB").resize((width, height), Image.Resampling.BILINEAR)
    noise = Image.merge("RGB", [Image.effect_noise((width, height), 8) for _ in range(3)])
    Image.blend(large, noise, 0.05).save(path, **({"quality": 90} if path.endswith("jpg") else {}))


if __name__ == "__main__":
    if sys.argv[1] == "--sample":
        enlarge(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
    else:
        make(Path(sys.argv[1]), sys.argv[2:])
