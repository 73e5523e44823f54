package api

import (
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSettingsThatCannotBeReadAreExplained(t *testing.T) {
	s := serve(t, Handler{})
	s.do(http.MethodPut, testQueue, "{}").want(t, http.StatusCreated)
	for _, test := range []struct{ path, body, says, member string }{
		{"/feeds/x/settings", "", "the body is empty. Nothing was changed. Send a JSON object like {", ""},
		{"/feeds/x/settings", " \n", "the body is empty", ""},
		{"/feeds/x/settings", "null", "no JSON object", ""},
		{"/feeds/x/settings", `[{"title":"x"}]`, "no JSON object", ""},
		{"/feeds/x/settings", "title=News", "no JSON object", ""},
		{"/feeds/x/settings", `{"title":`, "breaks off", ""},
		{"/feeds/x/settings", `{"title":"a}`, "breaks off", ""},
		{"/feeds/x/settings", `{'title':"a"}`, `at byte 2: invalid character '\''`, ""},
		{"/feeds/x/settings", `{} {}`, "something follows the object", ""},
		{"/feeds/x/settings", `{"title":5}`, "title is a number, and takes a string.", "title"},
		{"/feeds/x/settings", `{"keep":{"age":"3d"}}`, `keep.age is a string, and takes a whole number of seconds, 0 for no bound: {"keep": {"age": 2592000}}`, "keep.age"},
		{"/feeds/x/settings", `{"keep":{"age":1.5}}`, "keep.age is the number 1.5, and takes a whole number", "keep.age"},
		{"/feeds/x/settings", `{"keep":true}`, "keep is true or false, and takes an object", "keep"},
		{"/feeds/x/settings", `{"accepts":"image/*"}`, "accepts is a string, and takes a list of media ranges", "accepts"},
		{"/feeds/x/settings", `{"categories":{"list":[{"term":[]}]}}`, "categories.list.term is a list, and takes a string", "categories.list.term"},
		{"/feeds/x/settings", `{"author":{"nam":"x"}}`, `there is no member "nam". Nothing was changed.`, "nam"},
		{"/feeds/x/settings", `{"author":{"nam":"x"}}`, "author (name, uri, email)", "nam"},
		{"/feeds/x/settings", `{"title":null}`, "title is null, and takes a string", "title"},
		{"/feeds/x/settings", `{"keep":{"age":null}}`, "keep.age is null, and takes a whole number of seconds", "keep.age"},
		{"/feeds/x/settings", `{"categories":{"fixed":null}}`, "categories.fixed is null, and takes true or false", "categories.fixed"},
		{"/feeds/x/settings", `{"categories":{"list":[null]}}`, "categories.list is null, and takes a list of objects", "categories.list"},
		{testQueue, `{"paused":null}`, "paused is null, and takes true or false", "paused"},
		{testQueue, "", "the body is empty", ""},
		{testQueue, "attempts=5", "no JSON object", ""},
		{testQueue, `{"attempts":"5"}`, `attempts is a string, and takes a whole number, 1 to 1000000: {"attempts": 5}`, "attempts"},
		{testQueue, `{"attempts":1e30}`, "attempts is the number 1e30", "attempts"},
		{testQueue, `{"paused":"yes"}`, "paused is a string, and takes true or false", "paused"},
		{testQueue, `{"ack_timeout":{}}`, "ack_timeout is an object, and takes a number of seconds", "ack_timeout"},
		{testQueue, `{"Paused":true}`, `there is no member "Paused"`, "Paused"},
		{testQueue, `{"atempts":5}`, `there is no member "atempts". Nothing was changed. Send a JSON object like {"attempts": 5}; its members are ack_timeout`, "atempts"},
	} {
		t.Run(test.path+" "+test.body, func(t *testing.T) {
			a := s.do(http.MethodPut, test.path, test.body).want(t, http.StatusBadRequest)
			a.wantText(t, "The settings cannot be read: ")
			a.wantText(t, test.says)
			a.wantField(t, "Content-Type", "text/plain; charset=utf-8")
			for _, of := range []string{"json:", "Go ", "unmarshal", "EOF", "api.", "int64"} {
				if strings.Contains(a.body, of) {
					t.Errorf("the answer speaks of %q:\n%s", of, a.body)
				}
			}
			problem := s.do(http.MethodPut, test.path, test.body, "Accept: application/json")
			wantProblem(t, problem, http.StatusBadRequest)
			if test.member != "" {
				problem.wantText(t, `"member":"`+test.member+`"`)
			}
		})
	}
	s.get("/feeds/x/settings").want(t, http.StatusOK).wantText(t, `"title": ""`)
}

func TestEveryMemberOfSettingsIsExplained(t *testing.T) {
	for typ, o := range map[reflect.Type]*settingsObject{reflect.TypeFor[settingsJSON](): feedObject, reflect.TypeFor[queueSettings](): queueObject} {
		want := membersOfType(typ, "")
		slices.Sort(want)
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(o.takes))); diff != "" {
			t.Errorf("%v (-members +explained):\n%s", typ, diff)
		}
		for _, path := range want {
			if name := path[strings.LastIndex(path, ".")+1:]; !strings.Contains(o.names, name) {
				t.Errorf("%v: %q lacks %s", typ, o.names, name)
			}
		}
	}
}

// membersOfType returns the paths of all members of a JSON object.
func membersOfType(typ reflect.Type, prefix string) (paths []string) {
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct {
		return nil
	}
	for i := range typ.NumField() {
		name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
		paths = append(append(paths, prefix+name), membersOfType(typ.Field(i).Type, prefix+name+".")...)
	}
	return paths
}
