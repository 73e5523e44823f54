# Works on a queue and a topic with Net::Stomp, a client that nobody here wrote.
# usage: net_stomp.pl HOST PORT
use strict;
use warnings;
use Net::Stomp;

my ($host, $port) = @ARGV;
my $done = 0;
my $wait = 30;    # seconds for what must come

sub check {
    my ($what, $ok) = @_;
    die "$what\n" unless $ok;
    $done++;
}

sub session {
    my ($versions) = @_;
    my $stomp = Net::Stomp->new({ hostname => $host, port => $port, timeout => $wait });
    my $connected = $stomp->connect({ login => 'me', passcode => 'secret', %$versions });
    check('connect', $connected && $connected->command eq 'CONNECTED');
    return $stomp;
}

# 1.0, where ACK in the mode client is for one message or for all up to it.
my $stomp = session({});
$stomp->subscribe({ destination => '/queue/perl', ack => 'client', prefetch => 10 });
for my $i (0 .. 2) {
    # Waits for the receipt; a message may come first, so it is not subscribed here.
    check('receipt', session({})->send_with_receipt({ destination => '/queue/perl', body => "order $i", n => $i }));
}
for my $i (0 .. 2) {
    my $message = $stomp->receive_frame;
    check('message', $message && $message->command eq 'MESSAGE');
    check('body', $message->body eq "order $i" && $message->headers->{n} eq $i);
    $stomp->ack({ frame => $message });
}
check('binary', session({})->send_with_receipt({ destination => '/queue/perl', body => "a\0b\xff", bytes_message => 1 }));
my $binary = $stomp->receive_frame;
check('binary', $binary->body eq "a\0b\xff");
$stomp->ack({ frame => $binary });
check('transaction', session({})->send_transactional({ destination => '/queue/perl', body => 'whole' }));
my $whole = $stomp->receive_frame;
check('transaction', $whole->body eq 'whole');
$stomp->ack({ frame => $whole });
$stomp->unsubscribe({ destination => '/queue/perl' });

# 1.1, with ids and NACK. A topic's message comes to every subscriber.
my $worker = session({ 'accept-version' => '1.1', host => $host });
$worker->subscribe({ id => 1, destination => '/queue/perl.nacks', ack => 'client-individual' });
check('sent', session({})->send_with_receipt({ destination => '/queue/perl.nacks', body => 'again' }));
my $first = $worker->receive_frame;
check('first time', $first->body eq 'again' && ($first->headers->{redelivered} // '') ne 'true');
$worker->nack({ frame => $first, subscription => 1 });
my $second = $worker->receive_frame;
check('redelivered', $second->body eq 'again' && $second->headers->{redelivered} eq 'true');
$worker->ack({ frame => $second, subscription => 1 });

$worker->subscribe({ id => 2, destination => '/topic/perl*', ack => 'auto' });
$worker->send({ destination => '/topic/perl.news', body => 'extra' });
my $news = $worker->receive_frame;
check('topic', $news->body eq 'extra' && $news->headers->{subscription} eq 2);
$worker->disconnect;
$stomp->disconnect;
print "$done checks\n";
