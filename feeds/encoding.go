package feeds

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// encoding is a character encoding that is understood.
type encoding uint8

const (
	encodingUTF8 encoding = iota + 1
	encodingUTF16
	encodingUTF16BE
	encodingUTF16LE
	encodingLatin1
	encodingASCII
)

// encodings are the names, in lower case, of what is understood.
var encodings = map[string]encoding{
	"utf-8": encodingUTF8, "utf8": encodingUTF8,
	"utf-16": encodingUTF16, "utf-16be": encodingUTF16BE, "utf-16le": encodingUTF16LE,
	"iso-8859-1": encodingLatin1, "iso_8859-1": encodingLatin1, "latin1": encodingLatin1, "l1": encodingLatin1,
	"us-ascii": encodingASCII, "ascii": encodingASCII,
}

// decode returns doc in UTF-8 without a byte order mark, and where it goes on behind
// its XML declaration: doc's own bytes when they are that already. All its characters are
// those that XML allows. What doc is in is found as RFC 7303 §3 says: a byte
// order mark goes before the transport's charset, that before the declaration.
func decode(doc []byte, charset string) (text []byte, start int, err error) {
	enc, mark, err := detect(doc, charset)
	if err != nil {
		return nil, 0, err
	}
	doc = doc[mark:]
	switch enc {
	case encodingUTF16BE:
		doc, err = fromUTF16(doc, binary.BigEndian)
	case encodingUTF16LE:
		doc, err = fromUTF16(doc, binary.LittleEndian)
	case encodingLatin1:
		doc = fromLatin1(doc)
	case encodingASCII:
		err = checkASCII(doc)
	}
	if err != nil {
		return nil, 0, err
	}
	if err := checkChars(doc); err != nil {
		return nil, 0, err
	}
	start, err = readDeclaration(doc)
	return doc, start, err
}

// detect finds the encoding of doc, and the length of its byte order mark.
func detect(doc []byte, charset string) (enc encoding, mark int, err error) {
	switch {
	case bytes.HasPrefix(doc, []byte("\xEF\xBB\xBF")):
		return encodingUTF8, 3, nil
	case bytes.HasPrefix(doc, []byte("\xFF\xFE\x00\x00")), bytes.HasPrefix(doc, []byte("\x00\x00\xFE\xFF")):
		return 0, 0, &EncodingError{"UTF-32"}
	case bytes.HasPrefix(doc, []byte("\xFE\xFF")):
		return encodingUTF16BE, 2, nil
	case bytes.HasPrefix(doc, []byte("\xFF\xFE")):
		return encodingUTF16LE, 2, nil
	}
	name := charset
	if name == "" {
		if wide := unmarkedUTF16(doc); wide != 0 {
			return wide, 0, nil
		}
		name = declaredEncoding(doc)
	}
	enc, err = named(name)
	if enc != encodingUTF16 {
		return enc, 0, err
	}
	if charset == "" {
		return 0, 0, syntaxError(doc, 0, "the document says that it is in UTF-16 and is not")
	}
	if enc = unmarkedUTF16(doc); enc == 0 {
		enc = encodingUTF16BE // RFC 2781 §4.3
	}
	return enc, 0, nil
}

// unmarkedUTF16 recognises UTF-16 without a byte order mark by the "<" that a
// document starts with (XML 1.0 Appendix F.1).
func unmarkedUTF16(doc []byte) encoding {
	switch {
	case bytes.HasPrefix(doc, []byte("\x00<")):
		return encodingUTF16BE
	case bytes.HasPrefix(doc, []byte("<\x00")):
		return encodingUTF16LE
	}
	return 0
}

// named returns the encoding of a name, UTF-8 for none.
func named(name string) (encoding, error) {
	if name == "" {
		return encodingUTF8, nil
	}
	enc, ok := encodings[strings.ToLower(name)]
	if !ok {
		return 0, &EncodingError{name}
	}
	return enc, nil
}

func fromUTF16(doc []byte, order binary.ByteOrder) ([]byte, error) {
	out := make([]byte, 0, len(doc)/2*3)
	for ; len(doc) >= 2; doc = doc[2:] {
		r := rune(order.Uint16(doc))
		if utf16.IsSurrogate(r) {
			if len(doc) < 4 {
				break
			}
			r = utf16.DecodeRune(r, rune(order.Uint16(doc[2:])))
			if r == utf8.RuneError {
				return nil, syntaxError(out, len(out), "a lone surrogate is not valid UTF-16")
			}
			doc = doc[2:]
		}
		out = utf8.AppendRune(out, r)
	}
	if len(doc) > 0 {
		return nil, syntaxError(out, len(out), "the document ends in the middle of a UTF-16 character")
	}
	return out, nil
}

func fromLatin1(doc []byte) []byte {
	high := 0
	for _, c := range doc {
		high += int(c >> 7)
	}
	out := make([]byte, 0, len(doc)+high)
	for _, c := range doc {
		out = utf8.AppendRune(out, rune(c))
	}
	return out
}

func checkASCII(doc []byte) error {
	for i, c := range doc {
		if c >= 0x80 {
			return syntaxError(doc, i, "byte 0x%02X is not US-ASCII, which the document says it is in", c)
		}
	}
	return nil
}
