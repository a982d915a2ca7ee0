"""graphql-js as a second opinion on schemas, and the peer that is raced. Both come from npm, once."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

CACHE = Path(__file__).parents[2] / ".cache" / "corpus"
"""Ignored by git."""

GRAPHQL_JS = "graphql@16"
PEER = "@omnigraph/openapi@0.112"

_VALIDATE = """
const { buildSchema, validateSchema } = require('graphql');
const fs = require('fs');
for (const file of fs.readFileSync(0, 'utf8').split('\\n').filter(Boolean)) {
  let said = '';
  try {
    const errors = validateSchema(buildSchema(fs.readFileSync(file, 'utf8')));
    said = errors.map((error) => error.message).slice(0, 3).join('; ');
  } catch (error) { said = String(error.message); }
  console.log(JSON.stringify([file, said]));
}
"""

# Its libraries are loaded before the clock starts: the same as for Weft, whose process has all imported.
_PEER = """
const { loadGraphQLSchemaFromOpenAPI } = require('@omnigraph/openapi');
const { validateSchema } = require('graphql');
const fs = require('fs');
const silent = { log() {}, debug() {}, info() {}, warn() {}, error() {}, child() { return silent; } };
process.on('unhandledRejection', () => {});
(async () => {
  for (const file of fs.readFileSync(0, 'utf8').split('\\n').filter(Boolean)) {
    const start = process.hrtime.bigint();
    let said = '', fields = 0;
    try {
      const schema = await loadGraphQLSchemaFromOpenAPI('peer', {
        source: file, cwd: process.cwd(), logger: silent, endpoint: 'https://upstream.example' });
      said = validateSchema(schema).map((error) => error.message).slice(0, 3).join('; ');
      for (const root of [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()])
        fields += root ? Object.keys(root.getFields()).filter((name) => name !== 'dummy').length : 0;
    } catch (error) { said = String(error && error.message || error).slice(0, 300) || 'error'; }
    console.log(JSON.stringify([file, said, fields, Number(process.hrtime.bigint() - start) / 1e9]));
  }
  process.exit(0);
})();
"""


class Raced(Struct, frozen=True, kw_only=True):
    """What the peer made of a document: whether there is a valid schema, its root fields, seconds."""

    converted: bool
    error: str
    fields: int
    seconds: float


def have_node() -> bool:
    """Whether node and npm are on this machine."""
    return shutil.which("node") is not None and shutil.which("npm") is not None


def validate_with_graphql_js(files: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    """For each schema text what graphql-js says: ``""`` if it is valid."""
    _install(GRAPHQL_JS)
    for file, said in _run(_VALIDATE, files):
        yield Path(file), said


def run_peer(file: Path) -> Raced:
    """What the peer makes of the document at *file*, in a process of its own."""
    _install(GRAPHQL_JS, PEER)
    for _, said, fields, seconds in _run(_PEER, [file]):
        return Raced(converted=not said, error=said, fields=fields, seconds=seconds)
    return Raced(converted=False, error="the process ended without an answer", fields=0, seconds=0.0)


def _run(script: str, files: Sequence[Path]) -> Iterator[Any]:
    with subprocess.Popen(
        ["node", "--max-old-space-size=4096", "-e", script],
        cwd=CACHE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("\n".join(map(str, files)))
        process.stdin.close()
        for line in process.stdout:
            if line.startswith("["):
                yield json.loads(line)


def _install(*packages: str) -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    names = [package.rpartition("@")[0] for package in packages]
    if all((CACHE / "node_modules" / name / "package.json").is_file() for name in names):
        return
    (CACHE / "package.json").write_text('{"private": true}')
    subprocess.run(
        ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", *packages],
        cwd=CACHE,
        check=True,
    )
