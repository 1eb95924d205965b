"""Holds thumbnails against two judges: Pillow and ImageMagick.

    python3 compare.py DEVMEDIA FOLDER [FOLDER ...]

DEVMEDIA is the program; each FOLDER is a collection of pictures, such as `Tests/images` of Pillow's source package. Prints
a table (Markdown) of the pictures whose thumbnail differs visibly from what a judge makes of them, or that only one side
can decode. Needs Pillow, numpy, and `convert`.

Both are brought to sRGB, turned upright by Exif, put on grey and compared at 32 by 32 pixels: a difference counts as
visible when the mean of all channels differs by more than 6 of 255, or a twentieth of the pixels by more than 48.
"""

import io
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path

import numpy
from PIL import Image, ImageCms, ImageFile, ImageOps, ImageSequence

ImageFile.LOAD_TRUNCATED_IMAGES = True
Image.MAX_IMAGE_PIXELS = None

EXTENSIONS = {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".gif", ".webp"}
SIDE = 256
SMALL = (32, 32)


def flat(picture):
    """On grey, so that transparent pixels count for nothing."""
    picture = picture.convert("RGBA")
    ground = Image.new("RGBA", picture.size, (128, 128, 128, 255))
    ground.alpha_composite(picture)
    return numpy.asarray(ground.convert("RGB").resize(SMALL, Image.BOX)).astype(int)


def to_srgb(picture):
    profile = picture.info.get("icc_profile")
    if not profile:
        return picture
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if picture.mode in ("P", "PA"):
            picture = picture.convert("RGBA")
        alpha = picture.getchannel("A") if picture.mode == "RGBA" else None
        colours = picture.convert("RGB") if alpha else picture
        result = ImageCms.profileToProfile(colours, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        if alpha:
            result.putalpha(alpha)
        return result
    except (ImageCms.PyCMSError, OSError, ValueError):
        return picture


def pillow(path):
    with Image.open(path) as picture:
        picture = next(iter(ImageSequence.Iterator(picture)))
        picture.load()
        if picture.mode.startswith(("I;16", "I")):
            picture = Image.fromarray((numpy.asarray(picture).astype(int) >> 8).clip(0, 255).astype("uint8"))
        size = picture.size
        picture = to_srgb(ImageOps.exif_transpose(picture))
        picture.thumbnail((SIDE, SIDE))
        return picture, size


def magick(path):
    with tempfile.TemporaryDirectory() as folder:
        profile, result = Path(folder, "srgb.icc"), Path(folder, "result.png")
        profile.write_bytes(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
        command = ["convert", f"{path}[0]", "-auto-orient", "-profile", str(profile), "-colorspace", "sRGB"]
        command += ["-resize", f"{SIDE}x{SIDE}>", "+profile", "*", "-strip", f"PNG32:{result}"]
        subprocess.run(command, capture_output=True, timeout=60)
        with Image.open(result) as picture:
            picture.load()
            return picture, None


def visibly(a, b):
    difference = numpy.abs(a - b)
    return difference.mean() > 6 or (difference.max(axis=2) > 48).mean() > 0.05, difference.mean()


def judged(judge, path):
    try:
        return judge(path)[0], None
    except Exception as error:  # a judge may fail in any way
        return None, str(error).replace("\n", " ").replace(str(path), "")[:60] or type(error).__name__


def main():
    program, *folders = sys.argv[1:]
    with tempfile.TemporaryDirectory() as root:
        names = []
        for number, folder in enumerate(folders):
            for path in sorted(Path(folder).rglob("*")):
                if path.suffix.lower() in EXTENSIONS and path.is_file():
                    name = f"{number}/{path.relative_to(folder)}"
                    target = Path(root, name)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(path, target)
                    names.append(name)
        command = [program, "--debug", "--root", root, "--listen", "127.0.0.1:0", "--hidden"]
        environment = {"XDG_CACHE_HOME": str(Path(root, ".cache")), "PATH": ""}
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True)
        try:
            url = server.stdout.readline().strip()
            compare(root, url, names)
        finally:
            server.terminate()
            server.wait()


def compare(root, url, names):
    counts = {"same": 0, "differs": 0, "nobody": 0}
    rows = []
    for name in names:
        with urllib.request.urlopen(url + urllib.parse.quote(name) + "?thumbnail=256") as answer:
            body, source = answer.read(), answer.headers.get("X-Devmedia-Thumbnail", "itself")
            reason = answer.headers.get("X-Devmedia-Thumbnail-Reason", "")
        ours = None
        if source in ("made", "cached"):
            ours = Image.open(io.BytesIO(body))
            ours.load()
        path = Path(root, name)
        verdicts = []
        for judge in (pillow, magick):
            theirs, why = judged(judge, path)
            if theirs is None or ours is None:
                verdicts.append("fails: " + why if theirs is None else "decodes" if ours is None else "")
                continue
            ratio = abs(ours.width / ours.height - theirs.width / theirs.height) * min(ours.size) > 2
            different, mean = visibly(flat(ours), flat(theirs))
            shape = f" ({ours.size} and {theirs.size})" if ratio else ""
            verdicts.append(f"differs by {mean:.0f}{shape}" if different or ratio else "same")
        if all(verdict == "same" for verdict in verdicts) or ours is not None and "same" in verdicts and verdicts[1 - verdicts.index("same")].startswith("fails"):
            counts["same"] += 1
        elif ours is None and all(verdict.startswith("fails") for verdict in verdicts):
            counts["nobody"] += 1
        else:
            counts["differs"] += 1
            rows.append(f"| {name} | {source}{': ' + reason if reason else ''} | {verdicts[0]} | {verdicts[1]} |")
    print(f"{len(names)} pictures: {counts}\n")
    print("| file | devmedia | Pillow | ImageMagick |\n| --- | --- | --- | --- |")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
