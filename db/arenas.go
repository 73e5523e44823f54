package db

/*
#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

static void bound_arenas(int n) {
#ifdef M_ARENA_MAX
	mallopt(M_ARENA_MAX, n);
#endif
}
*/
import "C"

import (
	"os"
	"runtime"
	"sync"
)

// boundArenas has SQLite's memory come from few pools. Go's threads come and go, each gets one of
// up to eight for every processor, and each of those keeps what SQLite once needed there.
// MALLOC_ARENA_MAX in the environment, which glibc heeds, stands; MALLOC_ARENA_MAX=16 atommq bench
// memory shows the difference.
var boundArenas = sync.OnceFunc(func() {
	if os.Getenv("MALLOC_ARENA_MAX") == "" {
		C.bound_arenas(C.int(runtime.NumCPU()))
	}
})
