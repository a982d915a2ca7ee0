"""The calls of functions as scripts: arguments from where a route has them to where the function wants them.

Each route's script is written out for its function when the resources are made; per request it only moves
texts. It is used where Envoy's own rewrites cannot say it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

SourceKind: TypeAlias = Literal["path", "query", "header", "cookie", "body", "constant"]


@dataclass(frozen=True, slots=True)
class Source:
    """Where an argument's value is in the request.

    Attributes:
        name: Index of the path's segment, name of the parameter, header or cookie, dotted members of the
            body (``""`` for all of it), or the constant itself.
    """

    kind: SourceKind
    name: str


@dataclass(frozen=True, slots=True)
class Move:
    """One argument: from its source to its place.

    Attributes:
        kind: How it is written in JSON: ``text``, ``number``, ``boolean``, ``json`` (as it is), ``list:…``.
    """

    argument: str
    source: Source
    kind: str = "text"


_PRELUDE: Final = r"""
local function dec(s) return (s:gsub("+", " "):gsub("%%(%x%x)", function(h) return string.char(tonumber(h, 16)) end)) end
local function enc(s) return (s:gsub("[^%w%-%._~]", function(c) return string.format("%%%02X", c:byte()) end)) end
local function parameters(path)
  local found = {}
  for pair in (path:match("%?(.*)$") or ""):gmatch("[^&]+") do
    local key, value = pair:match("^([^=]*)=?(.*)$")
    key = dec(key)
    found[key] = found[key] or {}
    table.insert(found[key], dec(value))
  end
  return found
end
local function segments(path)
  local found = {}
  for part in path:match("^[^?]*"):gmatch("[^/]+") do found[#found + 1] = part end
  return found
end
local function cookie(text, name)
  for key, value in (text or ""):gmatch("%s*([^=;]+)=([^;]*)") do if key == name then return value end end
end
local function text(s) return '"' .. s:gsub('[%c"\\]', function(c) return string.format("\\u%04x", c:byte()) end) .. '"' end
local function number(s)
  if s:match("^%-?%d+$") or s:match("^%-?%d+%.%d+$") then return (s:gsub("^(%-?)0+(%d)", "%1%2")) end
  return text(s)
end
local function boolean(s) if s == "true" or s == "false" then return s end return text(s) end
local function json(s) return s end
local function list(values, one)
  local found = {}
  for _, value in ipairs(values) do found[#found + 1] = one(value) end
  return "[" .. table.concat(found, ",") .. "]"
end
"""

# Finds the text of one member of a JSON document; nothing is decoded that is not asked for.
_MEMBERS: Final = r"""
local function skip(s, i)
  i = s:match("^%s*()", i)
  local c = s:sub(i, i)
  if c == '"' then
    local j = i + 1
    while true do
      local k, ch = s:match('()(["\\])', j)
      if not k then return #s + 1, i end
      if ch == '"' then return k + 1, i end
      j = k + 2
    end
  elseif c == "{" or c == "[" then
    local depth, j = 1, i + 1
    while depth > 0 do
      local k, ch = s:match('()(["{}%[%]])', j)
      if not k then return #s + 1, i end
      if ch == '"' then j = skip(s, k) else
        depth = depth + ((ch == "{" or ch == "[") and 1 or -1)
        j = k + 1
      end
    end
    return j, i
  end
  return s:match("^[^,%]%}%s]*()", i), i
end
local function member(s, name)
  local i = s and s:match("^%s*{%s*()")
  while i do
    local stop, start = skip(s, i)
    local key = s:sub(start + 1, stop - 2)
    local from = s:match("^%s*:%s*()", stop)
    if not from then return nil end
    local finish = skip(s, from)
    if key == name then return s:sub(from, finish - 1) end
    i = s:match("^%s*,%s*()", finish)
  end
end
local function plain(s)
  if not s or s == "null" then return nil end
  local inner = s:match('^"(.*)"$')
  if not inner then return s end
  return (inner:gsub('\\(["\\/])', "%1"))
end
"""


def quoted(value: str) -> str:
    """*value* as a Lua string."""
    return (
        '"'
        + "".join(c if c.isalnum() or c in " _-./:=%{}@" else f"\\{ord(c):03d}" for c in _bytes(value))
        + '"'
    )


def _bytes(value: str) -> str:
    return value.encode().decode("latin-1") if not value.isascii() else value


def _value(source: Source) -> str:
    """The expression of a source's text, nil where it is absent."""
    name = quoted(source.name)
    match source.kind:
        case "path":
            return f"(seg[{int(source.name)}] and dec((seg[{int(source.name)}]:gsub('+', '%%2B'))))"
        case "query":
            return f"(q[{name}] and q[{name}][1])"
        case "header":
            return f"hs:get({quoted(source.name.lower())})"
        case "cookie":
            return f"cookie(hs:get('cookie'), {name})"
        case "body":
            return f"plain({_raw(source)})"
        case "constant":
            return name


def _raw(source: Source) -> str:
    expression = "body"
    for part in filter(None, source.name.split(".")):
        expression = f"member({expression}, {quoted(part)})"
    return expression


def _json(move: Move) -> str:
    """The expression of a move's JSON text."""
    if move.source.kind == "body":
        return _raw(move.source)
    value = _value(move.source)
    if move.kind.startswith("list:"):
        one = move.kind.removeprefix("list:")
        if move.source.kind == "query":
            return f"(q[{quoted(move.source.name)}] and list(q[{quoted(move.source.name)}], {one}))"
        return f"(({value}) and list({{{value}}}, {one}))"
    return f"(({value}) and {move.kind}({value}))"


def _start(moves: Sequence[Move], *, body: bool) -> list[str]:
    kinds = {move.source.kind for move in moves}
    lines = []
    if body:
        # First: what is taken from the handle before the body came may not be used after it.
        lines += [
            "local buffer = handle:body(true)",
            "local body = buffer:length() > 0 and buffer:getBytes(0, buffer:length()) or nil",
        ]
    lines += ["local hs = handle:headers()", 'local path = hs:get(":path")']
    if "path" in kinds:
        lines.append("local seg = segments(path)")
    if "query" in kinds:
        lines.append("local q = parameters(path)")
    return lines


_BAD: Final = 'handle:respond({[":status"] = "400"}, "%s is missing") return'


def http_call(
    *,
    method: str,
    path: str,
    in_path: Sequence[Move],
    in_query: Sequence[Move],
    in_headers: Sequence[Move],
    body: Move | None,
    keeps_query: bool,
) -> str:
    """The script that calls an OpenAPI operation.

    Args:
        method: Upper case.
        path: Path template, with the base path; ``{name}`` is filled by the move whose argument is the name.
        in_path: By the names of the template's placeholders.
        in_query: By the parameters' names.
        in_headers: By the headers' names.
        body: What the body is made of; ``None`` leaves it as it is.
        keeps_query: Whether the request's own query goes along.
    """
    moves = [*in_path, *in_query, *in_headers, *([body] if body else [])]
    needs_body = body is not None or any(move.source.kind == "body" for move in moves)
    lines = _start(moves, body=needs_body)
    pieces = []
    by_name = {move.argument: move for move in in_path}
    for literal, name in re.findall(r"([^{]*)(?:\{([^}]*)\})?", path):
        if literal:
            pieces.append(quoted(literal))
        if name:
            lines += [
                f"local p_{len(pieces)} = {_value(by_name[name].source)}",
                f"if not p_{len(pieces)} or p_{len(pieces)} == '' then {_BAD % _safe(name)} end",
            ]
            pieces.append(f"enc(p_{len(pieces)})")
    lines.append(f"local new = {' .. '.join(pieces) or quoted('/')}")
    lines.append('local query = path:match("%?(.*)$") or ""' if keeps_query else 'local query = ""')
    for move in in_query:
        name = quoted(move.argument)
        if move.kind.startswith("list:") and move.source.kind == "query":
            values = f"q[{quoted(move.source.name)}] or {{}}"
            lines.append(
                f'for _, v in ipairs({values}) do query = query .. (query ~= "" and "&" or "") .. enc({name}) .. "=" .. enc(v) end'
            )
        else:
            lines += [
                f"do local v = {_value(move.source)}",
                f'if v then query = query .. (query ~= "" and "&" or "") .. enc({name}) .. "=" .. enc(v) end end',
            ]
    lines.append('if query ~= "" then new = new .. "?" .. query end')
    for move in in_headers:
        name = quoted(move.argument.lower())
        lines.append(f"do local v = {_value(move.source)} if v then hs:replace({name}, v) end end")
    if body is not None:
        lines += [f"local made = {_json(body)}", "if made then", *_set_body(), "end"]
    lines += [f'hs:replace(":path", new) hs:replace(":method", {quoted(method)})']
    return _script(lines)


def json_call(*, path: str | None, moves: Sequence[Move], whole: Move | None, keeps_body: bool) -> str:
    """The script that calls a function whose arguments are one JSON object: a gRPC method, a Lambda function.

    Args:
        path: What the path becomes; ``None`` leaves it.
        moves: The members that come from elsewhere than the body.
        whole: What the object is made of, in place of *moves*.
        keeps_body: Whether members of the request's own body stay beside them.
    """
    lines = _start([*moves, *([whole] if whole else [])], body=True)
    if whole is not None:
        lines.append(f"local made = {_json(whole)} or '{{}}'")
    else:
        lines.append("local members = {}")
        for move in moves:
            name = quoted(f'"{move.argument}":')
            lines.append(f"do local v = {_json(move)} if v then members[#members + 1] = {name} .. v end end")
        lines.append('local inner = table.concat(members, ",")')
        if keeps_body:
            # Of two members of one name the last holds: what the route says wins over what a client sends.
            lines += [
                'local base = body and body:match("^%s*{(.*)}%s*$") or ""',
                'if base:match("%S") then inner = base .. (inner ~= "" and "," or "") .. inner end',
            ]
        lines.append('local made = "{" .. inner .. "}"')
    lines += _set_body()
    if path is not None:
        lines.append(f'hs:replace(":path", {quoted(path)})')
    lines.append('hs:replace(":method", "POST")')
    return _script(lines)


def set_method(method: str) -> str:
    """The script that changes nothing but the method."""
    return f'function envoy_on_request(handle) handle:headers():replace(":method", {quoted(method)}) end\n'


def _set_body() -> list[str]:
    return [
        "buffer:setBytes(made)",
        'hs:replace("content-length", tostring(#made)) hs:replace("content-type", "application/json")',
    ]


def _script(lines: Sequence[str], response: Sequence[str] = ()) -> str:
    needs_members = any("member(" in line or "plain(" in line for line in lines)
    text = _PRELUDE + (_MEMBERS if needs_members else "")
    text += "function envoy_on_request(handle)\n  " + "\n  ".join(lines) + "\nend\n"
    if response:
        text += "function envoy_on_response(handle)\n  " + "\n  ".join(response) + "\nend\n"
    return text


def _safe(name: str) -> str:
    return re.sub(r"[^\w.-]", "", name)


LAMBDA_ANSWER: Final = r"""
function envoy_on_response(handle)
  local hs = handle:headers()
  if hs:get("x-amz-function-error") then
    local message = '{"error":"the function failed"}'
    handle:body(true):setBytes(message)
    hs = handle:headers()
    hs:replace("content-length", tostring(#message))
    hs:replace(":status", "502")
    hs:remove("x-amz-function-error")
  end
  hs:remove("x-amz-log-result")
  hs:remove("x-amz-executed-version")
end
"""
"""What a client is told of a Lambda function that failed: that it did, and nothing of its stack.

Source: Lambda API, Invoke: an error of the function is 200 with ``X-Amz-Function-Error``."""
