"""Makes the pictures of this folder: each shows one fault or one unusual feature, and is as small as it can be.

    python3 make.py        needs Pillow, and cjpeg of libjpeg-turbo

Nothing in them comes from anywhere else.
"""

import io
import struct
import subprocess
import tempfile
import zlib
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent
SIZE = (96, 64)


def plain():
    """Four quarters: red, green, blue and white, each darker towards the bottom."""
    picture = Image.new("RGB", SIZE)
    for y in range(SIZE[1]):
        for x in range(SIZE[0]):
            light = 255 - y % 32
            red, green, blue = [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1)][x // 48 + 2 * (y // 32)]
            picture.putpixel((x, y), (red * light, green * light, blue * light))
    return picture


def save(name, data):
    (HERE / name).write_bytes(data)


def encoded(picture, format, **options):
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def cjpeg(*flags, scans=None):
    with tempfile.TemporaryDirectory() as folder:
        source, script = Path(folder, "source.ppm"), Path(folder, "scans")
        plain().save(source)
        if scans:
            script.write_text(scans)
            flags += ("-scans", str(script))
        return subprocess.run(["cjpeg", "-quality", "90", *flags, str(source)], check=True, capture_output=True).stdout


def jpegs():
    base = cjpeg("-sample", "2x2")
    save("plain.jpg", base)
    save("arithmetic.jpg", cjpeg("-arithmetic"))
    save("arithmetic-progressive.jpg", cjpeg("-arithmetic", "-progressive"))
    for sampling in ("1x1", "2x1", "1x2", "2x2"):
        save(f"scan-a-component-{sampling}.jpg", cjpeg("-sample", sampling, scans="0;\n1;\n2;\n"))
    save("two-scans.jpg", cjpeg("-sample", "2x2", scans="0;\n1 2;\n"))

    frame, scan = base.index(b"\xff\xc0"), base.index(b"\xff\xda")
    entropy = scan + 2 + struct.unpack(">H", base[scan + 2 : scan + 4])[0]
    height = base[frame + 5 : frame + 7]
    save("dnl.jpg", base[:-2] + b"\xff\xdc\0\4" + height + b"\xff\xd9")
    save("dnl-only.jpg", base[: frame + 5] + b"\0\0" + base[frame + 7 : -2] + b"\xff\xdc\0\4" + height + b"\xff\xd9")
    same = bytearray(base)
    for component in range(3):
        same[frame + 10 + 3 * component] = same[scan + 5 + 2 * component] = 1
    save("duplicate-component-ids.jpg", same)
    for length in (2, 7, 12):
        segment = b"Adobe\0\x64\0\0\0"[: length - 2]
        save(f"short-app14-{length}.jpg", base[:2] + b"\xff\xee" + struct.pack(">H", length) + segment + base[2:])
    tables = base.index(b"\xff\xc4")
    save("no-huffman-tables.jpg", base[:tables] + base[scan:])

    middle = entropy + (len(base) - entropy) // 2
    save("cut.jpg", base[:middle])
    save("damaged.jpg", base[:middle] + bytes(byte ^ 0x55 for byte in base[middle : middle + 3]) + base[middle + 3 :])
    progressive = cjpeg("-progressive", "-sample", "2x2")
    # a table that cannot be, between two scans
    last = progressive.rindex(b"\xff\xda")
    save("damaged-table-progressive.jpg", progressive[:last] + b"\xff\xc4\0\x14\0" + b"\xff" * 17 + progressive[last:])
    # a segment that is longer than the rest of the file
    save("long-segment-progressive.jpg", progressive[:last] + b"\xff\xe5\xff\xff" + progressive[last:])
    save("cut-progressive.jpg", progressive[: len(progressive) * 3 // 4])

    inks = Image.merge("CMYK", [Image.new("L", SIZE, value) for value in (255, 0, 0, 0)])
    save("cmyk.jpg", encoded(inks, "JPEG", quality=90))
    save("cmyk-profile.jpg", encoded(inks, "JPEG", quality=90, icc_profile=odd_profile()))

    small = plain().resize((160, 107))
    preview = encoded(Image.new("RGB", (160, 107), (255, 0, 255)), "JPEG")
    exif = (
        b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\x0e\0\2"
        + struct.pack(">HHIIHHII", 0x201, 4, 1, 44, 0x202, 4, 1, len(preview))
        + b"\0\0\0\0"
        + preview
    )
    large = encoded(small.resize((1200, 800)), "JPEG", quality=30)
    save("preview.jpg", large[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + large[2:])


def odd_profile():
    """An ICC profile (lut8Type) for which every colour with cyan in it is a pure green: nobody could guess it."""
    curve = bytes(range(256))
    grid = b"".join(
        bytes([180, 40, 200]) if cyan else bytes([255 - 200 * (key or magenta or yellow), 128, 128])
        for cyan in (0, 1)
        for magenta in (0, 1)
        for yellow in (0, 1)
        for key in (0, 1)
    )
    identity = struct.pack(">9i", *[65536 * (place % 4 == 0) for place in range(9)])
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + identity + curve * 4 + grid + curve * 3
    text = b"text" + bytes(4) + b"CC0\0"
    description = b"desc" + bytes(4) + struct.pack(">I", 4) + b"odd\0" + bytes(12) + bytes(67)
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    tags, data = [], b""
    for name, content in ((b"desc", description), (b"cprt", text), (b"wtpt", white), (b"A2B0", table)):
        content += bytes(-len(content) % 4)
        tags.append((name, 128 + 4 + 12 * 4 + len(data), len(content)))
        data += content
    index = struct.pack(">I", 4) + b"".join(name + struct.pack(">II", at, size) for name, at, size in tags)
    header = struct.pack(">I4sI4s4s4s", 128 + len(index) + len(data), b"none", 0x02400000, b"prtr", b"CMYK", b"Lab ")
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    header += struct.pack(">3i", 63190, 65536, 54061)
    return header.ljust(128, b"\0") + index + data


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pngs():
    noisy = with_noise(5)
    base = encoded(noisy, "PNG")
    save("no-end.png", base[: base.index(b"IEND") - 4])
    save("cut.png", base[: len(base) * 3 // 4])
    save("wrong-sum.png", base[:29] + bytes(4) + base[33:])
    header, rest = base[:33], base[33:]
    save("gamma.png", header + chunk(b"gAMA", struct.pack(">I", 100000)) + rest)
    # red and green changed round
    swapped = struct.pack(">8I", 31270, 32900, 30000, 60000, 64000, 33000, 15000, 6000)
    save("chromaticities.png", header + chunk(b"gAMA", struct.pack(">I", 45455)) + chunk(b"cHRM", swapped) + rest)
    save("gamma-but-srgb.png", header + chunk(b"gAMA", struct.pack(">I", 100000)) + chunk(b"sRGB", b"\0") + rest)
    rows = b"".join(interlaced_rows(noisy))
    packed = zlib.compress(rows)
    ihdr = struct.pack(">2I5B", *SIZE, 8, 2, 0, 0, 1)
    whole = base[:8] + chunk(b"IHDR", ihdr) + chunk(b"IDAT", packed)
    save("interlaced.png", whole + chunk(b"IEND", b""))
    save("cut-interlaced.png", whole[: len(whole) * 2 // 3])


def with_noise(step):
    """Noise makes the compressed rows long enough to be cut in the middle."""
    noisy = plain()
    for y in range(SIZE[1]):
        for x in range(SIZE[0]):
            red, green, blue = noisy.getpixel((x, y))
            noisy.putpixel((x, y), (red ^ (x * x * 7 + y * y * 13 + x * y) % step, green, blue))
    return noisy


def interlaced_rows(picture):
    """Adam7 (PNG, third edition, 8.2)."""
    for x0, y0, dx, dy in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)):
        for y in range(y0, SIZE[1], dy):
            yield b"\0" + b"".join(bytes(picture.getpixel((x, y))) for x in range(x0, SIZE[0], dx))


def gifs():
    base = encoded(plain().quantize(64), "GIF", interlace=0)
    save("cut.gif", base[: len(base) * 3 // 4])
    save("no-end.gif", base[:-1])
    screen = bytearray(base)
    screen[6:10] = struct.pack("<2H", 10, 10)
    save("frame-larger-than-screen.gif", screen)
    save("cut-interlaced.gif", encoded(plain().quantize(64), "GIF", interlace=1)[: len(base) * 3 // 4])


def webps():
    for name, picture, options in (("", plain(), {"quality": 90}), ("-lossless", with_noise(23), {"lossless": True})):
        base = encoded(picture, "WEBP", **options)
        save(f"cut{name}.webp", base[: len(base) * 3 // 4])
    exif = b"Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0"
    base = encoded(plain(), "WEBP", quality=90, exif=exif[6:])
    # Pillow takes the prefix off
    at = base.index(b"EXIF")
    turned = base[:at] + b"EXIF" + struct.pack("<I", len(exif)) + exif
    save("exif-prefix.webp", turned[:4] + struct.pack("<I", len(turned) - 8) + turned[8:])
    save("cut-before-exif.webp", base[: at - 2])


def shown_by_browsers():
    save("bmp.jpg", encoded(plain().resize((12, 8)), "BMP"))
    save("ico.png", encoded(plain().resize((16, 16)).convert("RGBA"), "ICO", sizes=[(16, 16)]))
    save("avif.jpg", encoded(plain(), "AVIF", quality=50))


jpegs()
pngs()
gifs()
webps()
shown_by_browsers()
