"""Keys that are not paths."""

from __future__ import annotations

from rounds import Place, expect, refused, row

PAGE = "object-keys"
ODD = [
    ("a b+c&d=e", "a b+c&d=e"),
    ("percent", "100%/%41%2F%"),
    ("Unicode", "é/日本/😀"),
    ("both Unicode forms", "e\u0301/\u00e9"),
    ("quotes and brackets", "a'b\"c<d>e(f)[g]{h}"),
    ("S3's safe special characters", "!-_.*'()"),
    (":;@$,~^|`", "a:b;c@d$e,f~g^h|i`j"),
    ("#?", "a#b?c"),
    ("a backslash", "a\\b"),
    ("a newline and a tab", "a\nb\tc"),
    ("a control character", "a\x01b"),
    ("a leading dot", ".hidden/.file"),
    ("a//b", "a//b"),
    ("a leading slash", "/a"),
    ("a trailing slash with content", "folder/"),
    ("a/../b", "a/../b"),
    ("a/./b", "a/./b"),
    ("a name that ends with a dot or a space", "a./b "),
    ("1,024 bytes in segments", "LONG"),
    ("a segment of 300 bytes", "x" * 300),
    ("CON, aux.txt", "CON/aux.txt"),
]


@row(PAGE, *ODD)
def odd(place: Place, case: tuple[str, str]) -> None:
    """a key is stored, listed and read unchanged."""
    name = (("x" * 200 + "/") * 6)[: 1024 - len(place.prefix)] if case[1] == "LONG" else case[1]
    place.put(name)
    expect(place.read(name), b"0123456789")
    expect(place.keys(), [name])
    place.s3.delete_object(**place.at(name))
    expect(place.keys(), [], "after DELETE")


@row(PAGE)
def too_long(place: Place) -> None:
    """a key of 1,025 bytes is KeyTooLongError."""
    name = ("x" * 200 + "/") * 6
    refused("KeyTooLongError", 400, place.put, name=name[: 1025 - len(place.prefix)])


@row(PAGE)
def file_and_folder(place: Place) -> None:
    """the keys a and a/b are both objects."""
    place.put("a", b"1")
    place.put("a/b", b"2")
    expect((place.read("a"), place.read("a/b")), (b"1", b"2"))


@row(PAGE)
def folder_and_file(place: Place) -> None:
    """the keys a/b and then a are both objects."""
    place.put("a/b", b"2")
    place.put("a", b"1")
    expect((place.read("a"), place.read("a/b")), (b"1", b"2"))


@row(PAGE)
def after_the_folder(place: Place) -> None:
    """the key a can be stored after a/b was deleted."""
    place.put("a/b", b"2")
    place.s3.delete_object(**place.at("a/b"))
    place.put("a", b"1")
    expect(place.keys(), ["a"])


@row(PAGE)
def case(place: Place) -> None:
    """keys that differ in case are different objects."""
    place.put("Aa", b"1")
    place.put("aA", b"2")
    expect((place.read("Aa"), place.read("aA")), (b"1", b"2"))


@row(PAGE)
def folder_marker(place: Place) -> None:
    """an empty object with a trailing slash, as the console makes, is listed and goes with DELETE."""
    place.put("folder/", b"")
    expect(place.keys(), ["folder/"])
    expect(place.head("folder/")["ContentLength"], 0)
    place.put("folder/a")
    expect(place.keys(), ["folder/", "folder/a"])
    place.s3.delete_object(**place.at("folder/"))
    expect(place.keys(), ["folder/a"], "after DELETE")


@row(PAGE)
def prefixes_are_not_objects(place: Place) -> None:
    """a prefix of a key is not an object itself."""
    place.put("a/b/c")
    for name in ("a", "a/", "a/b", "a/b/"):
        refused("404", 404, place.head, name=name)
    place.s3.delete_object(**place.at("a/b"))
    place.s3.delete_object(**place.at("a/"))
    expect(place.keys(), ["a/b/c"], "after DELETE of prefixes")
    place.s3.delete_object(**place.at("a/b/c"))
    expect(place.keys(), [])
