#!/bin/sh
# A CGI script: the feed news, at the URL of the script, and the whole site below it.
exec atommq cgi news --config /etc/atommq.env
