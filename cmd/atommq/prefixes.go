package main

import (
	"fmt"
	"net/netip"
	"strings"
)

// prefixes is a setting that lists networks: "10.0.0.0/8,::1". It is a
// pflag.Value.
type prefixes []netip.Prefix

func (p *prefixes) Type() string { return "networks" }

func (p *prefixes) String() string {
	words := make([]string, len(*p))
	for i, prefix := range *p {
		words[i] = prefix.String()
	}
	return strings.Join(words, ",")
}

func (p *prefixes) Set(value string) error {
	var all prefixes
	for word := range strings.SplitSeq(value, ",") {
		prefix, err := parseNetwork(strings.TrimSpace(word))
		if err != nil {
			return fmt.Errorf("%q is neither a network like 10.0.0.0/8 nor an IP address", word)
		}
		all = append(all, prefix)
	}
	*p = all
	return nil
}

// parseNetwork reads a network, or an address that stands for itself alone.
func parseNetwork(s string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	return netip.ParsePrefix(s)
}

// contain reports whether an address is in one of the networks.
func (p prefixes) contain(a netip.Addr) bool {
	for _, network := range p {
		if network.Contains(a) {
			return true
		}
	}
	return false
}
