# Walks through AtomPub with Atompub::Client, a client that nobody here wrote.
# usage: atompub.pl SERVICE FEED
use strict;
use warnings;
use Atompub::Client;
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

print "$done checks\n";
