#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sqlite3vfs.h"

// The files are those of SQLite's own VFS for this system, with some methods of ours before its.
//
// Of a write-ahead log, what continues the write before is gathered. It goes to the system with the
// page that ends a transaction, before SQLite tells anybody of that; before the log is synced,
// read, cut or measured; with a write that continues nothing; and when there is no more room. So
// the system is told the same in the same order, in fewer calls.
//
// What is left of a transaction that is undone must not follow later, when another process may have
// written there: it is forgotten before the right to write is given up. In the exclusive locking
// mode, SQLite does not say when that is, nor that it has it: nothing is gathered then.
//
// What could not be written is not in the log, though SQLite was told so: until the right to write is
// given up, nothing can be written, nor read from there on.
//
// SQLite's own VFS syncs with fsync unless it is built otherwise, and that brings the times of the
// log to the disk with every commit. fdatasync does not, and is enough for all but the first sync,
// which brings there that the log exists.

enum {
  frame_header = 24,  // bytes before each page in the log. From byte
  frame_commit = 4,   // on there is 0, or for the last page of a transaction how many the database has
  room = 124 * 1024,  // to gather in: SQLite's own VFS writes less than 128 KiB at once
  write_lock = 0,     // the right to write, among the locks of the log's index
};

// part is what is kept of a database or a log, behind what the system keeps.
typedef struct part {
  sqlite3_io_methods methods;       // of the file as SQLite sees it
  const sqlite3_io_methods *system; // of the system's

  // Of a database:
  sqlite3_file *log; // or NULL
  int writes;        // it has the right to write

  // Of a log:
  sqlite3_file *database;
  const char *name;
  int own;            // a descriptor of ours, to sync with, or -1: the system's is its own
  sqlite3_int64 next; // where the last write ended, and the next is expected
  char *gathered;     // NULL until needed
  int n;              // so many bytes, before next
  int ending;         // the frame that is being written ends a transaction
  int failed;         // SQLITE_OK, or why what was gathered could not be written
  sqlite3_int64 lost; // from where on, then
} part;

static sqlite3_vfs front;
static sqlite3_vfs *system_;

static part *part_of(sqlite3_file *f) {
  return (part *)((char *)f + front.szOsFile - sizeof(part));
}

// send writes what is gathered.
static int send(sqlite3_file *f) {
  part *p = part_of(f);
  if (p->n == 0) return p->failed;
  p->lost = p->next - p->n;
  p->failed = p->system->xWrite(f, p->gathered, p->n, p->lost);
  p->n = 0;
  return p->failed;
}

// forget forgets what is gathered, and what could not be written: it is undone.
static void forget(sqlite3_file *f) {
  part *p = part_of(f);
  p->n = 0;
  p->failed = SQLITE_OK;
}

static int log_write(sqlite3_file *f, const void *bytes, int n, sqlite3_int64 at) {
  part *p = part_of(f);
  if (p->failed != SQLITE_OK) return p->failed;
  if (n == frame_header) {
    static const char none[4];
    p->ending = memcmp((const char *)bytes + frame_commit, none, sizeof none) != 0;
  }
  if (at == 0) p->ending = 0; // the log begins anew
  int gathers = part_of(p->database)->writes && at == p->next && n <= room;
  if (gathers && p->gathered == NULL) gathers = (p->gathered = malloc(room)) != NULL;
  if (!gathers || n > room - p->n) {
    int rc = send(f);
    if (rc != SQLITE_OK) return rc;
  }
  p->next = at + n;
  if (!gathers) return p->system->xWrite(f, bytes, n, at);
  memcpy(p->gathered + p->n, bytes, n);
  p->n += n;
  return p->ending && n != frame_header ? send(f) : SQLITE_OK;
}

static int log_read(sqlite3_file *f, void *bytes, int n, sqlite3_int64 at) {
  int rc = send(f);
  return rc == SQLITE_OK || at + n <= part_of(f)->lost ? part_of(f)->system->xRead(f, bytes, n, at) : rc;
}

static int log_truncate(sqlite3_file *f, sqlite3_int64 size) {
  int rc = send(f);
  return rc == SQLITE_OK ? part_of(f)->system->xTruncate(f, size) : rc;
}

static int log_sync(sqlite3_file *f, int flags) {
  part *p = part_of(f);
  int rc = send(f);
  if (rc != SQLITE_OK) return rc;
  if (p->own < 0) {
    rc = p->system->xSync(f, flags);
    if (rc == SQLITE_OK) p->own = open(p->name, O_RDONLY | O_CLOEXEC);
    return rc;
  }
  while ((rc = fdatasync(p->own)) != 0 && errno == EINTR) {}
  return rc == 0 ? SQLITE_OK : SQLITE_IOERR_FSYNC;
}

static int log_size(sqlite3_file *f, sqlite3_int64 *size) {
  int rc = send(f);
  return rc == SQLITE_OK ? part_of(f)->system->xFileSize(f, size) : rc;
}

static int log_close(sqlite3_file *f) {
  part *p = part_of(f);
  free(p->gathered); // what may be in it was undone
  if (p->own >= 0) close(p->own);
  part_of(p->database)->log = NULL;
  return p->system->xClose(f);
}

// database_lock sees the right to write come and go.
static int database_lock(sqlite3_file *f, int first, int n, int flags) {
  part *p = part_of(f);
  if (first != write_lock) return p->system->xShmLock(f, first, n, flags);
  p->writes = 0;
  if (p->log != NULL) forget(p->log);
  int rc = p->system->xShmLock(f, first, n, flags);
  p->writes = rc == SQLITE_OK && !(flags & SQLITE_SHM_UNLOCK);
  return rc;
}

static int front_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out) {
  (void)vfs;
  part *p = part_of(f);
  memset(p, 0, sizeof *p);
  int rc = system_->xOpen(system_, name, f, flags, out);
  if (rc != SQLITE_OK) return rc;
  p->system = f->pMethods;
  p->methods = *p->system;
  if (flags & SQLITE_OPEN_MAIN_DB && p->system->iVersion >= 2) {
    p->methods.xShmLock = database_lock;
    f->pMethods = &p->methods;
  }
  if (flags & SQLITE_OPEN_WAL) {
    p->database = sqlite3_database_file_object(name);
    const sqlite3_io_methods *methods = p->database->pMethods;
    // Where a crash may harm what lies beside what is written, SQLite syncs within frames: such a log
    // is left alone.
    if (methods->xShmLock != database_lock || !(methods->xDeviceCharacteristics(p->database) & SQLITE_IOCAP_POWERSAFE_OVERWRITE)) return rc;
    part_of(p->database)->log = f;
    p->name = name;
    p->own = -1;
    p->methods.xClose = log_close;
    p->methods.xRead = log_read;
    p->methods.xWrite = log_write;
    p->methods.xTruncate = log_truncate;
    p->methods.xSync = log_sync;
    p->methods.xFileSize = log_size;
    f->pMethods = &p->methods;
  }
  return rc;
}

int atommq_register_walvfs(const char *name) {
  if (!sqlite3_vfs_find || !sqlite3_vfs_register || !sqlite3_database_file_object) return SQLITE_ERROR;
  system_ = sqlite3_vfs_find(NULL);
  if (system_ == NULL) return SQLITE_ERROR;
  front = *system_;
  front.pNext = NULL;
  front.zName = name;
  front.szOsFile = (system_->szOsFile + 7) / 8 * 8 + (int)sizeof(part);
  front.xOpen = front_open;
  return sqlite3_vfs_register(&front, 0);
}
