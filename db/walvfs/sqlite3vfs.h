// As much of sqlite3.h as this package needs, for the driver keeps its own to itself: the interface
// to the operating system, https://www.sqlite.org/c3ref/vfs.html and
// https://www.sqlite.org/c3ref/io_methods.html, which SQLite promises to leave as it is.

#ifndef ATOMMQ_SQLITE3VFS_H
#define ATOMMQ_SQLITE3VFS_H

typedef long long sqlite3_int64;
typedef struct sqlite3_file sqlite3_file;
typedef struct sqlite3_vfs sqlite3_vfs;
typedef struct sqlite3_io_methods sqlite3_io_methods;

enum {
  SQLITE_OK = 0,
  SQLITE_ERROR = 1,
  SQLITE_IOERR_FSYNC = 10 | 4 << 8,

  SQLITE_OPEN_MAIN_DB = 0x00000100,
  SQLITE_OPEN_WAL = 0x00080000,

  SQLITE_IOCAP_POWERSAFE_OVERWRITE = 0x00001000,

  SQLITE_SHM_UNLOCK = 1,
};

struct sqlite3_file {
  const sqlite3_io_methods *pMethods;
};

struct sqlite3_io_methods {
  int iVersion;
  int (*xClose)(sqlite3_file *);
  int (*xRead)(sqlite3_file *, void *, int n, sqlite3_int64 at);
  int (*xWrite)(sqlite3_file *, const void *, int n, sqlite3_int64 at);
  int (*xTruncate)(sqlite3_file *, sqlite3_int64 size);
  int (*xSync)(sqlite3_file *, int flags);
  int (*xFileSize)(sqlite3_file *, sqlite3_int64 *size);
  int (*xLock)(sqlite3_file *, int);
  int (*xUnlock)(sqlite3_file *, int);
  int (*xCheckReservedLock)(sqlite3_file *, int *out);
  int (*xFileControl)(sqlite3_file *, int op, void *arg);
  int (*xSectorSize)(sqlite3_file *);
  int (*xDeviceCharacteristics)(sqlite3_file *);
  // from version 2 on
  int (*xShmMap)(sqlite3_file *, int page, int size, int extend, void volatile **);
  int (*xShmLock)(sqlite3_file *, int first, int n, int flags);
  void (*xShmBarrier)(sqlite3_file *);
  int (*xShmUnmap)(sqlite3_file *, int remove);
  // from version 3 on
  int (*xFetch)(sqlite3_file *, sqlite3_int64 at, int n, void **);
  int (*xUnfetch)(sqlite3_file *, sqlite3_int64 at, void *);
};

struct sqlite3_vfs {
  int iVersion;
  int szOsFile;
  int mxPathname;
  sqlite3_vfs *pNext;
  const char *zName;
  void *pAppData;
  int (*xOpen)(sqlite3_vfs *, const char *name, sqlite3_file *, int flags, int *out);
  int (*xDelete)(sqlite3_vfs *, const char *name, int syncDirectory);
  int (*xAccess)(sqlite3_vfs *, const char *name, int flags, int *out);
  int (*xFullPathname)(sqlite3_vfs *, const char *name, int n, char *out);
  void *(*xDlOpen)(sqlite3_vfs *, const char *name);
  void (*xDlError)(sqlite3_vfs *, int n, char *message);
  void (*(*xDlSym)(sqlite3_vfs *, void *, const char *symbol))(void);
  void (*xDlClose)(sqlite3_vfs *, void *);
  int (*xRandomness)(sqlite3_vfs *, int n, char *out);
  int (*xSleep)(sqlite3_vfs *, int microseconds);
  int (*xCurrentTime)(sqlite3_vfs *, double *);
  int (*xGetLastError)(sqlite3_vfs *, int, char *);
  // from version 2 on
  int (*xCurrentTimeInt64)(sqlite3_vfs *, sqlite3_int64 *);
  // from version 3 on
  int (*xSetSystemCall)(sqlite3_vfs *, const char *name, void (*)(void));
  void (*(*xGetSystemCall)(sqlite3_vfs *, const char *name))(void);
  const char *(*xNextSystemCall)(sqlite3_vfs *, const char *name);
};

// Defined in the driver's objects, which this one is linked with in the end: weak, because cgo
// tries to link each package alone.
__attribute__((weak)) sqlite3_vfs *sqlite3_vfs_find(const char *name);
__attribute__((weak)) int sqlite3_vfs_register(sqlite3_vfs *, int makeDefault);
__attribute__((weak)) sqlite3_file *sqlite3_database_file_object(const char *nameOfLog);

#endif
