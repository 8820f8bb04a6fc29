// An agent's words as elements: of Markdown the headings, lists, emphasis, code and links. All that
// is drawn is text nodes in elements made here, so no HTML that an agent writes is ever read as such.
"use strict";

const MARKED_CHARS = 40_000;  // what an item has beyond is drawn as it is
const PIECE_CHARS = 1000;  // of a line; only the last piece is drawn again when words come
const INLINE = /(\b[A-Z]{1,4}-\d+\b)|(`+)([^`]+)\2|\*\*([^*]+)\*\*|\*([^\s*][^*]*)\*|\[([^[\]]+)\]\((https?:\/\/[^\s()]+)\)/;
const FENCE = /^ {0,3}(?:`{3,}(?=[^`]*$)|~{3,})/;
const LINE_KINDS = [
  ["heading", /^#{1,6} +/],
  ["bullet", /^ *[-*+] +/],
  ["number", /^ *(?=\d{1,3}[.)] )/],
];
const TAGS = { heading: "h3", code: "pre" };

// The fence that is open after this line: "" where the line closes `open`, null where it is no fence.
function fenceAfter(line, open) {
  const mark = FENCE.exec(line)?.[0].trim();
  if (mark === undefined) return null;
  if (!open) return mark;
  return mark.startsWith(open) && line.trim() === mark ? "" : null;
}

function kindOf(line) {
  for (const [kind, pattern] of LINE_KINDS) {
    const mark = pattern.exec(line)?.[0];
    if (mark !== undefined) return { kind, mark };
  }
  return { kind: "plain", mark: "" };
}

// A text without marks, in which no line ends within a number such as HB-2104.
function unbroken(text) {
  const pieces = visible(text).split(/\b([A-Z]{1,4}-\d+)\b/);
  return pieces.map((piece, n) => n % 2 ? make("span", piece, "unbroken") : piece);
}

function inline(text) {
  const nodes = [];
  let rest = text;
  for (let match = INLINE.exec(rest); match; match = INLINE.exec(rest)) {
    nodes.push(rest.slice(0, match.index), marked(match));
    rest = rest.slice(match.index + match[0].length);
  }
  return [...nodes, rest].filter(node => node !== "");
}

function marked([, number, , code, strong, em, words, address]) {
  if (number !== undefined) return make("span", number, "unbroken");
  if (code !== undefined) return make("code", code);
  if (strong !== undefined) return make("strong", strong);
  if (em !== undefined) return make("em", em);
  return Object.assign(make("a", words), {
    href: address, target: "_blank", rel: "noopener noreferrer",
  });
}

class Words {
  start = 0;  // where in the text the open piece begins
  isLineStart = true;
  block = null;  // the element that the line before is in
  kind = "";
  fence = "";  // what opened the code that goes on
  redrawn = [];  // the nodes of the open piece
  plain = null;  // the text node of what is drawn as it is

  constructor(root) {
    this.root = root;
  }

  // Draw `text`, which begins with all that was drawn before.
  grow(text) {
    while (this.start < MARKED_CHARS) {
      const limit = this.start + PIECE_CHARS;
      const newline = text.slice(this.start, limit).indexOf("\n");
      if (newline < 0 && text.length <= limit) {
        this.draw(text.slice(this.start));
        return;
      }
      const end = newline < 0 ? cutAt(text, limit) : this.start + newline;
      Object.assign(this, this.draw(text.slice(this.start, end), newline < 0));
      this.redrawn = [];
      this.isLineStart = newline >= 0;
      this.start = newline < 0 ? end : end + 1;
    }
    this.growPlain(text);
  }

  growPlain(text) {
    if (!this.plain) {
      const begin = this.isLineStart ? "\n" : "";
      this.plain = this.root.appendChild(make("p", begin)).appendChild(document.createTextNode(""));
      this.drawn = this.start;
    }
    // Not `visible`: a colour that comes in two parts would be shown now, and not by a page that comes late.
    if (text.length > this.drawn) this.plain.appendData(signsShown(text.slice(this.drawn)));
    this.drawn = text.length;
  }

  // Draw a piece in the place of the open one. Returns the state that goes on from it.
  // A line that `isCut` goes on in another piece: it is too long for a fence.
  draw(raw, isCut = false) {
    const piece = visible(raw);
    for (const node of this.redrawn) node.remove();
    this.redrawn = [];
    if (!this.isLineStart) {
      this.put(this.block, this.nodes(piece, this.kind));
      return {};
    }
    const newline = this.start ? ["\n"] : [];
    const fence = isCut ? null : fenceAfter(piece, this.fence);
    if (fence !== null) {
      this.put(this.root, newline);
      return { kind: "fence", block: null, fence };
    }
    const { kind, mark } = this.fence ? { kind: "code", mark: "" } : kindOf(piece);
    const words = this.nodes(piece.slice(mark.length), kind);
    if (kind === this.kind && (kind === "plain" || kind === "code")) {
      this.put(this.block, [...newline, ...words]);
      return {};
    }
    const block = make(TAGS[kind] ?? "p", "", mark.startsWith("  ") ? `${kind} deep` : kind);
    block.append(...words);
    this.put(this.root, [...newline, block]);
    return { kind, block };
  }

  nodes(words, kind) {
    return kind === "code" ? [words].filter(Boolean) : inline(words);
  }

  put(parent, nodes) {
    for (const node of nodes) {
      const child = typeof node === "string" ? document.createTextNode(node) : node;
      this.redrawn.push(parent.appendChild(child));
    }
  }
}
