//go:build !cgo

// This file is in the way of a build without cgo on purpose: go then stops with
// one line that holds the name below, instead of a page of what is undefined.
package SQLite_needs_a_C_compiler_and_cgo__on_Debian_apt_get_install_gcc_libc6_dev__and_leave_CGO_ENABLED_unset
