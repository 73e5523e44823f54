"""Reads entries with expat and compares them, in canonical form, with what was posted.

Each line of standard input is a JSON object: "posted", "alone" and "feed" name files;
"encoding" is that of the posted one, null for what it says itself; "managed" tells of each entry how many of its first children are the server's; "batch"
says that a feed was posted. Each fault found is a line of standard output.
"""

import json
import re
import sys
from xml.etree.ElementTree import C14NWriterTarget, XMLParser
from xml.parsers import expat

ATOM = "http://www.w3.org/2005/Atom"
APP = ("http://www.w3.org/2007/app", "http://purl.org/atom/app#")
XML = "{http://www.w3.org/XML/1998/namespace}"
MEMBER = re.compile(r"/entries/[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\Z")
MANAGED = {"{%s}edited" % ns for ns in APP} | {"{urn:atommq}id"}
RELATION = "http://www.iana.org/assignments/relation/"


class Entries:
    """Splits a document into the canonical forms of its entries."""

    def __init__(self, drop, depth, inherits):
        self.drop, self.at, self.inherits = drop, depth, inherits
        self.forms, self.outside, self.outer = [], [], {}
        self.depth, self.skip, self.writer = 0, 0, None
        self.pending, self.scope, self.bare = [], [True], False
        self.given, self.own = {"author": 0, "rights": 0}, []  # of the feed; which of them an entry has its own of
        self.path = []

    # An element without a namespace is Atom's below a root without one.
    def start_ns(self, prefix, uri):
        self.pending.append((prefix or "", uri or ""))

    def name(self, tag):
        return "{%s}%s" % (ATOM, tag) if self.bare and self.scope[-1] and tag[0] != "{" else tag

    def start(self, tag, attrs):
        declared, self.pending = self.pending, []
        default = [uri for prefix, uri in declared if prefix == ""]
        if self.depth == 0:
            self.bare = tag[0] != "{"
            if self.bare and not default:
                declared.insert(0, ("", ATOM))  # where AtomMQ puts it: the writer takes the last prefix of a namespace
        self.scope.append(self.scope[-1] and not default)
        self.depth += 1
        self.path.append(self.name(tag))
        self.count_given()
        if self.skip:
            self.skip += 1
            return
        tag = self.name(tag)
        if self.depth < self.at:
            self.outer.update(declared)
            return
        if self.depth == self.at:
            if tag != "{%s}entry" % ATOM:
                self.skip = 1
                return
            self.begin(declared)
            if self.inherits:
                for a in "lang", "base", "space":
                    attrs.pop(XML + a, None)
        elif self.depth == self.at + 1:
            self.child += 1
            if self.drop(len(self.forms), self.child, tag, attrs):
                self.skip = 1
                return
        for prefix, uri in declared:
            self.writer.start_ns(prefix, uri)
        self.writer.start(tag, attrs)

    def count_given(self):
        names = [local if space == "{" + ATOM else "" for space, _, local in (name.rpartition("}") for name in self.path[1:])]
        if names == ["entry"]:
            self.own.append(set())
        elif len(names) == 1 and names[0] in self.given:
            self.given[names[0]] += 1
        elif names and names[-1] in self.given and names[:-1] in (["entry"], ["entry", "source"]):
            self.own[-1].add(names[-1])

    def begin(self, declared):
        self.form, self.child = [], -1
        self.writer = C14NWriterTarget(self.form.append, with_comments=True)
        overridden = {prefix for prefix, _ in declared}
        for prefix, uri in self.outer.items():
            if prefix not in overridden:
                self.writer.start_ns(prefix, uri)

    def end(self, tag):
        name = self.path.pop()
        self.scope.pop()
        if self.skip:
            self.skip -= 1
        elif self.depth >= self.at:
            self.writer.end(name)
            if self.depth == self.at:
                self.forms.append("".join(self.form))
                self.writer = None
        self.depth -= 1

    def data(self, text):
        if not self.skip and self.writer:
            self.writer.data(text)

    def comment(self, text):
        if self.writer and not self.skip:
            self.writer.comment(text)
        elif self.depth == 0:
            self.outside.append("<!--%s-->" % text)

    def pi(self, target, data=None):
        if self.writer and not self.skip:
            self.writer.pi(target, data or "")
        elif self.depth == 0:
            self.outside.append("<?%s %s?>" % (target, data))

    def close(self):
        return self


def read(path, drop, depth, inherits, encoding=None):
    parser = XMLParser(target=Entries(drop, depth, inherits), encoding=encoding)
    with open(path, "rb") as f:
        parser.feed(f.read())
    return parser.close()


def plain(path):
    """Reads a file as SAX readers do: with a space between namespace and name."""
    with open(path, "rb") as f:
        expat.ParserCreate(namespace_separator=" ").Parse(f.read(), True)


def managed(_, __, tag, attrs):
    if tag == "{%s}link" % ATOM:
        rel = attrs.get("rel", "").removeprefix(RELATION)
        return rel in ("edit", "edit-media") or rel == "self" and bool(MEMBER.search(attrs.get("href", "")))
    return tag in MANAGED


def check(case):
    batch = case["batch"]
    posted = read(case["posted"], managed, 2 if batch else 1, batch, case["encoding"])
    plain(case["feed"])

    def ours(n):
        def drop(entry, child, tag, attrs):
            if n is not None:
                entry = n
            given = sum(n for name, n in posted.given.items() if name not in posted.own[entry]) if batch else 0
            return child < case["managed"][entry] + given
        return drop

    feed = read(case["feed"], ours(None), 2, batch)
    if posted.forms != feed.forms:
        yield "in a feed: %s\nposted: %s" % (feed.forms, posted.forms)
    for i, path in enumerate(case["alone"]):
        plain(path)
        alone = read(path, ours(i), 1, batch)
        if alone.forms != posted.forms[i : i + 1]:
            yield "alone: %s\nposted: %s" % (alone.forms, posted.forms[i])
        if not batch and alone.outside != posted.outside:
            yield "alone, around the root: %s\nposted: %s" % (alone.outside, posted.outside)


for line in sys.stdin:
    case = json.loads(line)
    try:
        for fault in check(case):
            print(case["posted"], fault, flush=True)
    except Exception as e:  # whatever it is, it is this document's fault
        print(case["posted"], repr(e), flush=True)
