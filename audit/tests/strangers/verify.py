"""Verifies exports by programs of other people: `pymerkle` (tree), `tlog-scales` (tiles, notes, cosignatures) and, where
it is there, `aics-tlog` (all of it). Each must take the export and refuse it when one byte is changed.

    verify.py EXPORT VKEY-FILE [WITNESS-VKEY-FILE]
"""

import base64
import pathlib
import subprocess
import sys
import tempfile

import pymerkle
from tlog_scales import backend, reader, signing, tiles

folder, vkey = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]).read_text().strip()
witnesses = [pathlib.Path(name).read_text().strip() for name in sys.argv[3:]]


def leaves():
    """The entries, by the two length bytes before each."""
    # The last index is the last group, so that sorting by length and text is sorting by number below a million.
    for path in sorted((p for p in (folder / "tile/entries").rglob("*") if p.is_file()), key=lambda p: str(p).split(".p/")[0]):
        raw, at = path.read_bytes(), 0
        while at < len(raw):
            length = int.from_bytes(raw[at : at + 2], "big")
            yield raw[at + 2 : at + 2 + length]
            at += 2 + length


log = reader.TilesReader(backend.LocalBackend(folder))
checkpoint = log.get_checkpoint()
entries = list(leaves())
assert len(entries) == checkpoint.size, "the number of entries"

# pymerkle: the root over the entries is the signed one, and proofs hold.
tree = pymerkle.InmemoryTree(algorithm="sha256")
for entry in entries:
    tree.append_entry(entry)
assert tree.get_root() == checkpoint.root_hash, "the root"
changed = pymerkle.InmemoryTree(algorithm="sha256")
for entry in entries[:-1] + [entries[-1][:-1] + b"!"]:
    changed.append_entry(entry)
assert changed.get_root() != checkpoint.root_hash, "a changed entry has another root"

# tlog-scales: the log's signature, every cosignature, and an inclusion proof for a sample of entries.
keys = [signing.Vkey.from_string(text) for text in [vkey, *witnesses]]
assert len(signing.VkeySet(*keys).verify(checkpoint.signatures, checkpoint)) == len(keys), "the signatures"
for index in {0, 1, 127, 255, 256, 257, checkpoint.size // 2, checkpoint.size - 1}:
    if index < checkpoint.size:
        proof = log.get_inclusion_proof(index, checkpoint.size)
        assert log.get_entry(index) == entries[index], f"entry {index}"
        proof.check(tiles.leaf_hash(entries[index]), checkpoint.root_hash)
        try:
            proof.check(tiles.leaf_hash(entries[index] + b"!"), checkpoint.root_hash)
        except Exception:
            continue
        raise AssertionError(f"a changed entry {index} was taken")
told = ["pymerkle", "tlog-scales"]

try:
    import aics_tlog  # noqa: F401
except ImportError:
    pass
else:
    asked = [sys.executable, "-m", "aics_tlog", "verify-checkpoint", "--log-key", vkey, "--tiles", str(folder.resolve())]
    if witnesses:
        asked += ["--quorum", str(len(witnesses))] + [word for text in witnesses for word in ("--witness-key", text)]
    subprocess.run(asked, check=True, stdout=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory() as work:
        note = pathlib.Path(work) / "note"
        text = (folder / "checkpoint").read_text()
        root = base64.b64encode(checkpoint.root_hash).decode()
        note.write_text(text.replace(root, base64.b64encode(bytes(32)).decode()))
        forged = asked[:-1] if not witnesses else asked
        refused = subprocess.run([*forged, "--note", str(note)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert refused.returncode != 0, "a changed root was taken"
    told.append("aics-tlog")
print(f"{folder}: {checkpoint.size} entries verified by {', '.join(told)}")
