# Reads a feed as a feed reader built on feedparser does, conditional GET included.
# usage: feedparser_read.py FEED
import sys

import feedparser

url = sys.argv[1]
feed = feedparser.parse(url)
assert feed.status == 200, feed.status
assert not feed.bozo, feed.get("bozo_exception")
assert feed.version == "atom10", feed.version
assert feed.feed.title == "news & <more>", feed.feed.title
assert feed.feed.id.startswith("urn:uuid:"), feed.feed.id
assert [e.title for e in feed.entries] == ["third <b>", "second", "first"], [e.title for e in feed.entries]
for e in feed.entries:
    assert e.id and e.updated_parsed and e.link and e.author, e
assert feed.entries[0].content[0].value == "a & b", feed.entries[0].content
assert feed.entries[2].content[0].value == "<em>hello</em>", feed.entries[2].content

again = feedparser.parse(url, etag=feed.etag)
assert again.status == 304, again.status
print(len(feed.entries), "entries")
