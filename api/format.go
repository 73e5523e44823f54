package api

import (
	"fmt"
	"net/http"
	"strings"
)

// choose returns the offer that the request asks for: by the suffix of its URL ("" for none) or the
// parameter "format", for those who can set no header field, as who follows a link in a browser, and
// else by Accept. It returns the parameter's value as well, for the links of the answer to keep.
func choose(r *http.Request, suffix string, offers []offer) (form offer, format string, err error) {
	format, given, err := parameter(r.URL.RawQuery, "format")
	switch {
	case err != nil:
		return offer{}, "", err
	case given && suffix != "":
		return offer{}, "", badRequest("The suffix .%s and the parameter format both say which form to give. Give one of them.", suffix)
	case suffix != "":
		format = suffix
	case !given:
		form, err = accepted(r, offers)
		return form, "", err
	}
	var choices []string
	for _, o := range offers {
		if o.format == "" {
			continue
		}
		if o.format == format {
			return o, format, nil
		}
		choices = append(choices, o.format)
	}
	return offer{}, "", badRequest("format: %.40q is not a form that this comes in. Give one of: %s; or none, and an Accept field.", format, strings.Join(choices, ", "))
}

// parameter returns a parameter of a query, which may stand once.
func parameter(query, wanted string) (found string, given bool, err error) {
	for query != "" {
		var name, value string
		if name, value, query, err = nextPair(query); err != nil {
			return "", false, err
		}
		if name != wanted {
			continue
		}
		if given {
			return "", false, repeated(name)
		}
		found, given = value, true
	}
	return found, given, nil
}

// accepted is negotiate with a 406 that lists the offers.
func accepted(r *http.Request, offers []offer) (offer, error) {
	i := negotiate(r.Header["Accept"], offers)
	if i >= 0 {
		return offers[i], nil
	}
	types := make([]string, len(offers))
	for i, o := range offers {
		types[i] = o.typ
	}
	return offer{}, &problemError{
		Status: http.StatusNotAcceptable,
		Detail: fmt.Sprintf("Nothing here has a type that Accept allows. Ask for one of: %s.", strings.Join(types, ", ")),
		Extra:  map[string]any{"types": types},
	}
}
