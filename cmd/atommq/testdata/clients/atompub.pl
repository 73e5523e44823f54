# Walks through AtomPub with Atompub::Client, a client that nobody here wrote.
# usage: atompub.pl SERVICE FEED
use strict;
use warnings;
use Atompub::Client;
use HTTP::Request;
use LWP::UserAgent;
use XML::Atom::Category;
use XML::Atom::Entry;

my ($service_uri, $feed_uri) = @ARGV;
my $client = Atompub::Client->new;
my $done   = 0;

sub check {
    my ($what, $ok) = @_;
    die "$what: " . ($client->errstr || 'wrong') . "\n" unless $ok;
    $done++;
}

sub entry {
    my ($title, $text) = @_;
    my $entry = XML::Atom::Entry->new(Version => 1.0);
    $entry->title($title);
    $entry->content($text);
    return $entry;
}

my $first = $client->createEntry($feed_uri, entry('allo', 'an important message'), 'allo');
check('create', $first);
check('create a second', $client->createEntry($feed_uri, entry('encore', 'another')));

my $service = $client->getService($service_uri);
check('service', $service);
my ($workspace) = $service->workspaces;
my ($collection) = grep { $_->href eq $feed_uri } $workspace->collections;
check('the feed is in the service document', $collection);
check('accept', grep { /atom/ } $collection->accept);

my $got = $client->getEntry($first);
check('read', $got);
check('title', $got->title eq 'allo');
check('content', $got->content->body eq 'an important message');
check('edited', $got->edited);
check('id', $got->id =~ /^urn:uuid:/);

$got->title('allo again');
check('update', $client->updateEntry($first, $got));
my $again = $client->getEntry($first);
check('read after update', $again);
check('new title', $again->title eq 'allo again');
check('id stays', $again->id eq $got->id);
my @edited = $again->getlist('http://www.w3.org/2007/app', 'edited');
check('one app:edited', @edited == 1);
check('one edit link', 1 == grep { $_->rel eq 'edit' } $again->link);

my $feed = $client->getFeed($feed_uri);
check('list', $feed);
my @titles = map { $_->title } $feed->entries;
check("most recently edited first, not @titles", "@titles" eq 'allo again encore');

check('delete', $client->deleteEntry($first));
check('gone', !$client->getEntry($first));
$feed = $client->getFeed($feed_uri);
check('list after delete', $feed);
@titles = map { $_->title } $feed->entries;
check("one entry left, not @titles", "@titles" eq 'encore');

# Media: a file, and the entry that links to it.
my $photos = $feed_uri;
$photos =~ s{[^/]+$}{photos};
my $png = "\x89PNG\r\n\x1a\n" . join('', map { chr } 0 .. 255) x 2000;
my $link = $client->createMedia($photos, \$png, 'image/png', 'A cat');
check('create media', $link);
my $link_entry = $client->getEntry($link);
check('read the link entry', $link_entry);
check('Slug becomes the title', $link_entry->title eq 'A cat');
check('summary', defined $link_entry->summary);
my $edit_media = $link_entry->edit_media_link;
check('edit-media', $edit_media);
my $media = $client->getMedia($edit_media);
check('read media', $media);
check('same bytes', $media eq $png);
check('same type', $client->res->content_type eq 'image/png');

my $gif = "GIF89a\0\1\2";
check('update media', $client->updateMedia($edit_media, \$gif, 'image/gif'));
check('read new media', $client->getMedia($edit_media) eq $gif);
check('new type', $client->res->content_type eq 'image/gif');
$link_entry = $client->getEntry($link);
check('content follows', $link_entry->content->elem->getAttribute('type') eq 'image/gif');
$link_entry->title('Another cat');
check('update the link entry', $client->updateEntry($link, $link_entry));
$link_entry = $client->getEntry($link);
check('new title of the link entry', $link_entry->title eq 'Another cat');
check('media stay', $link_entry->edit_media_link eq $edit_media);
check('delete media', $client->deleteMedia($edit_media));
check('its entry is gone', !$client->getEntry($link));
check('and the media', !$client->getMedia($edit_media));

# What a feed accepts and which categories it has, which its owner sets.
my $ua = LWP::UserAgent->new;
my $set = HTTP::Request->new(PUT => "$photos/settings", [ 'Content-Type' => 'application/json' ],
    '{"accepts": ["image/*", "application/atom+xml;type=entry"], "categories": {"fixed": true, "scheme": "https://example.org/animals", "list": [{"term": "cat"}, {"term": "dog", "label": "Dogs"}]}}');
check('settings', $ua->request($set)->is_success);
# The client keeps what the service document said; it is asked anew.
$client = Atompub::Client->new;
check('service again', $service = $client->getService($service_uri));
($collection) = grep { $_->href eq $photos } map { $_->collections } $service->workspaces;
check('accept of the feed', join(' ', $collection->accept) eq 'image/* application/atom+xml;type=entry');
my ($reference) = $collection->categories;
check('categories of the feed', $reference->href eq "$photos/categories");
my $categories = $client->getCategories($reference->href);
check('category document', $categories);
check('fixed', $categories->fixed eq 'yes');
check('terms', join(' ', map { $_->term } $categories->category) eq 'cat dog');

my $tagged = entry('tagged', 'a cat');
my $category = XML::Atom::Category->new;
$category->term('cat');
$category->scheme('https://example.org/animals');
$tagged->add_category($category);
check('create with a category', $client->createEntry($photos, $tagged));
check('a type that is not accepted', !$client->createMedia($photos, \'%PDF', 'application/pdf'));
my $stray = entry('stray', 'a fish');
$category = XML::Atom::Category->new;
$category->term('fish');
$category->scheme('https://example.org/animals');
$stray->add_category($category);
check('a category that is not fixed', !$client->createEntry($photos, $stray));

print "$done checks\n";
