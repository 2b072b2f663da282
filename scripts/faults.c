// Preloaded into misfit by scripts/faults.py: logs the calls of the C library that touch a folder, and lets one of them fail,
// or kills the process after it.
//
// FAULTS_ROOT  the folder, as realpath gives it; the program's working folder too
// FAULTS_LOG   where each call leaves a line, tab-separated: number, negative of the one that is struck; kind; path from
//              FAULTS_ROOT; result (-1: failed); the number of the opening that its descriptor comes from; the flags of
//              an opening, the offset of a write, the length of a truncation; what was written, or the second path, in hex
// FAULTS_KIND, FAULTS_PATH, FAULTS_AT
//              the call that is struck: which of those of this kind on paths of this pattern, from 1. What other threads
//              do does not change that.
// FAULTS_DO    an errno; "short": half of what was asked; "torn": half is written, then ENOSPC from this file on;
//              "kill": SIGKILL after the call; "half": half is written, then SIGKILL
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define MOST_FDS 4096
#define LOG_FD 4000

static char root[PATH_MAX];
static char *paths[MOST_FDS]; // Of descriptors that are open on something under the root, else null.
static long serials[MOST_FDS], opened, count, matched, at;
static const char *fault, *kind, *pattern;
static int full = -1; // The descriptor whose disk is full from now on.
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void begin(void) {
  const char *folder = getenv("FAULTS_ROOT"), *log = getenv("FAULTS_LOG"), *nth = getenv("FAULTS_AT");
  if (!folder || !log) return;
  snprintf(root, sizeof root, "%s", folder);
  int fd = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  dup3(fd, LOG_FD, O_CLOEXEC);
  syscall(SYS_close, fd);
  at = nth ? atol(nth) : 0;
  fault = getenv("FAULTS_DO");
  kind = getenv("FAULTS_KIND");
  pattern = getenv("FAULTS_PATH");
  // Not in what the program starts.
  unsetenv("LD_PRELOAD");
}

// The path of a call, from the root; null where it lies elsewhere. A path that is not absolute begins at the descriptor.
static const char *under(int dir, const char *path, char *to) {
  if (!root[0] || !path) return NULL;
  size_t length = strlen(root);
  if (path[0] == '/') {
    if (strncmp(path, root, length) || (path[length] && path[length] != '/')) return NULL;
    snprintf(to, PATH_MAX, "%s", path[length] ? path + length + 1 : ".");
  } else if (dir == AT_FDCWD) {
    snprintf(to, PATH_MAX, "%s", *path ? path : ".");
  } else {
    if (dir < 0 || dir >= MOST_FDS || !paths[dir]) return NULL;
    if (*path) snprintf(to, PATH_MAX, "%s/%s", paths[dir], path);
    else snprintf(to, PATH_MAX, "%s", paths[dir]);
  }
  return to;
}

static const char *of_fd(int fd) { return root[0] && fd >= 0 && fd < MOST_FDS ? paths[fd] : NULL; }

typedef struct {
  long number;
  int failing; // An errno, or 0.
  int halved, killed, fills;
} Point;

static Point point(const char *of_kind, const char *path) {
  pthread_mutex_lock(&mutex);
  Point p = {.number = ++count};
  int meant = at && !strcmp(of_kind, kind) && !fnmatch(pattern, path, 0) && ++matched == at;
  pthread_mutex_unlock(&mutex);
  if (!meant) return p;
  p.number = -p.number;
  p.failing = atoi(fault);
  p.halved = !strcmp(fault, "short") || !strcmp(fault, "torn") || !strcmp(fault, "half");
  p.killed = !strcmp(fault, "kill") || !strcmp(fault, "half");
  p.fills = !strcmp(fault, "torn");
  return p;
}

static void end(Point p, const char *what, const char *path, long result, long serial, long number, const void *data, long bytes) {
  int error = errno;
  if (result < 0) bytes = 0;
  char *line = malloc(2 * PATH_MAX + 200 + 2 * (bytes > 0 ? bytes : 0));
  int n = sprintf(line, "%ld\t%s\t%s\t%ld\t%ld\t%ld\t", p.number, what, path, result < 0 ? -1 : result, serial, number);
  for (long i = 0; i < bytes; i++) n += sprintf(line + n, "%02x", ((const unsigned char *)data)[i]);
  line[n++] = '\n';
  syscall(SYS_write, LOG_FD, line, n);
  free(line);
  if (p.killed) {
    syscall(SYS_kill, getpid(), SIGKILL);
    pause();
  }
  errno = error;
}

#define REAL(name) \
  static __typeof__(name) *real; \
  if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)
#define FAIL_OR(call) (p.failing ? (errno = p.failing, -1) : (call))

static int opening(int dir, const char *path, int flags, mode_t mode) {
  char at[PATH_MAX];
  const char *where = under(dir, path, at);
  if (!where) return syscall(SYS_openat, dir, path, flags, mode);
  const char *what = flags & O_CREAT ? "create" : "open";
  Point p = point(what, where);
  int fd = FAIL_OR(syscall(SYS_openat, dir, path, flags, mode));
  long serial = 0;
  if (fd >= 0 && fd < MOST_FDS) {
    pthread_mutex_lock(&mutex);
    serial = serials[fd] = ++opened;
    free(paths[fd]);
    paths[fd] = strdup(where);
    pthread_mutex_unlock(&mutex);
  }
  end(p, what, where, fd, serial, flags, NULL, 0);
  return fd;
}

#define MODE(last) \
  va_list list; \
  va_start(list, last); \
  mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0; \
  va_end(list)
int open(const char *path, int flags, ...) { MODE(flags); return opening(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags); return opening(AT_FDCWD, path, flags | O_LARGEFILE, mode); }
int openat(int dir, const char *path, int flags, ...) { MODE(flags); return opening(dir, path, flags, mode); }
int openat64(int dir, const char *path, int flags, ...) { MODE(flags); return opening(dir, path, flags | O_LARGEFILE, mode); }
int creat(const char *path, mode_t mode) { return opening(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

int close(int fd) {
  pthread_mutex_lock(&mutex);
  if (of_fd(fd)) free(paths[fd]), paths[fd] = NULL;
  if (full == fd) full = -1;
  pthread_mutex_unlock(&mutex);
  return syscall(SYS_close, fd);
}

static long half(Point p, long bytes) { return p.halved && bytes > 1 ? bytes / 2 : bytes; }

#define READING(name, call) \
  { \
    REAL(name); \
    const char *where = of_fd(fd); \
    if (!where) return real call; \
    Point p = point("read", where); \
    bytes = half(p, bytes); \
    ssize_t result = FAIL_OR(real call); \
    end(p, "read", where, result, serials[fd], bytes, NULL, 0); \
    return result; \
  }
ssize_t read(int fd, void *to, size_t bytes) READING(read, (fd, to, bytes))
ssize_t pread(int fd, void *to, size_t bytes, off_t offset) READING(pread, (fd, to, bytes, offset))
ssize_t pread64(int fd, void *to, size_t bytes, off64_t offset) READING(pread64, (fd, to, bytes, offset))
ssize_t readv(int fd, const struct iovec *to, int bytes) READING(readv, (fd, to, bytes))

static ssize_t writing(int fd, const void *data, size_t bytes, off_t offset) {
  int given = offset >= 0;
  Point p = point("write", of_fd(fd));
  bytes = half(p, bytes);
  if (!given) offset = lseek(fd, 0, SEEK_CUR);
  if (fd == full) p.failing = ENOSPC;
  ssize_t result = FAIL_OR(given ? syscall(SYS_pwrite64, fd, data, bytes, offset) : syscall(SYS_write, fd, data, bytes));
  if (p.fills) full = fd;
  end(p, "write", of_fd(fd), result, serials[fd], offset, data, result);
  return result;
}
ssize_t write(int fd, const void *data, size_t bytes) {
  return of_fd(fd) ? writing(fd, data, bytes, -1) : syscall(SYS_write, fd, data, bytes);
}
ssize_t pwrite(int fd, const void *data, size_t bytes, off_t offset) {
  return of_fd(fd) ? writing(fd, data, bytes, offset) : syscall(SYS_pwrite64, fd, data, bytes, offset);
}
ssize_t pwrite64(int fd, const void *data, size_t bytes, off64_t offset) { return pwrite(fd, data, bytes, offset); }
ssize_t writev(int fd, const struct iovec *from, int parts) {
  // The first part alone is a short write, which the caller has to take.
  return of_fd(fd) ? writing(fd, parts ? from->iov_base : NULL, parts ? from->iov_len : 0, -1) : syscall(SYS_writev, fd, from, parts);
}
// The caller then reads and writes.
ssize_t copy_file_range(int from, off64_t *at, int to, off64_t *offset, size_t bytes, unsigned flags) {
  if (of_fd(from) || of_fd(to)) return errno = ENOSYS, -1;
  return syscall(SYS_copy_file_range, from, at, to, offset, bytes, flags);
}
ssize_t sendfile64(int to, int from, off64_t *offset, size_t bytes) {
  if (of_fd(from) || of_fd(to)) return errno = ENOSYS, -1;
  return syscall(SYS_sendfile, to, from, offset, bytes);
}

#define ON_FD(what, number, call) \
  { \
    const char *where = of_fd(fd); \
    if (!where) return call; \
    Point p = point(what, where); \
    int result = FAIL_OR(call); \
    end(p, what, where, result, serials[fd], number, NULL, 0); \
    return result; \
  }
int fsync(int fd) ON_FD("sync", 0, syscall(SYS_fsync, fd))
int fdatasync(int fd) ON_FD("sync", 0, syscall(SYS_fdatasync, fd))
int syncfs(int fd) ON_FD("sync", 0, syscall(SYS_syncfs, fd))
int ftruncate(int fd, off_t length) ON_FD("truncate", length, syscall(SYS_ftruncate, fd, length))
int ftruncate64(int fd, off64_t length) ON_FD("truncate", length, syscall(SYS_ftruncate, fd, length))
int flock(int fd, int what) ON_FD("lock", what, syscall(SYS_flock, fd, what))

#define ON_PATH(what, dir, path, call) \
  { \
    char at[PATH_MAX]; \
    const char *where = under(dir, path, at); \
    if (!where) return call; \
    Point p = point(what, where); \
    int result = FAIL_OR(call); \
    end(p, what, where, result, 0, 0, NULL, 0); \
    return result; \
  }
int unlink(const char *path) ON_PATH("unlink", AT_FDCWD, path, syscall(SYS_unlinkat, AT_FDCWD, path, 0))
int rmdir(const char *path) ON_PATH("rmdir", AT_FDCWD, path, syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR))
int unlinkat(int dir, const char *path, int flags)
  ON_PATH(flags & AT_REMOVEDIR ? "rmdir" : "unlink", dir, path, syscall(SYS_unlinkat, dir, path, flags))
int mkdir(const char *path, mode_t mode) ON_PATH("mkdir", AT_FDCWD, path, syscall(SYS_mkdirat, AT_FDCWD, path, mode))
int mkdirat(int dir, const char *path, mode_t mode) ON_PATH("mkdir", dir, path, syscall(SYS_mkdirat, dir, path, mode))
int access(const char *path, int mode) ON_PATH("stat", AT_FDCWD, path, syscall(SYS_faccessat, AT_FDCWD, path, mode))
int statx(int dir, const char *path, int flags, unsigned mask, struct statx *to)
  ON_PATH("stat", dir, path, syscall(SYS_statx, dir, path, flags, mask, to))

#define TWO_PATHS(what, from_dir, from, to_dir, to, call) \
  { \
    char a[PATH_MAX], b[PATH_MAX]; \
    const char *first = under(from_dir, from, a), *second = under(to_dir, to, b); \
    if (!first || !second) return call; \
    Point p = point(what, first); \
    int result = FAIL_OR(call); \
    end(p, what, first, result, 0, 0, second, strlen(second)); \
    return result; \
  }
int rename(const char *from, const char *to)
  TWO_PATHS("rename", AT_FDCWD, from, AT_FDCWD, to, syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0))
int renameat(int from_dir, const char *from, int to_dir, const char *to)
  TWO_PATHS("rename", from_dir, from, to_dir, to, syscall(SYS_renameat2, from_dir, from, to_dir, to, 0))
int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
  TWO_PATHS("rename", from_dir, from, to_dir, to, syscall(SYS_renameat2, from_dir, from, to_dir, to, flags))
int link(const char *from, const char *to)
  TWO_PATHS("link", AT_FDCWD, from, AT_FDCWD, to, syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0))
int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
  TWO_PATHS("link", from_dir, from, to_dir, to, syscall(SYS_linkat, from_dir, from, to_dir, to, flags))

// A folder's listing, which the C library opens and reads by calls of its own.
DIR *opendir(const char *path) {
  char at[PATH_MAX];
  REAL(opendir);
  const char *where = under(AT_FDCWD, path, at);
  if (!where) return real(path);
  Point p = point("open", where);
  DIR *dir = p.failing ? (errno = p.failing, NULL) : real(path);
  if (dir && dirfd(dir) < MOST_FDS) paths[dirfd(dir)] = strdup(where), serials[dirfd(dir)] = ++opened;
  end(p, "open", where, dir ? 0 : -1, 0, O_DIRECTORY, NULL, 0);
  return dir;
}
struct dirent64 *readdir64(DIR *dir) {
  REAL(readdir64);
  const char *where = of_fd(dirfd(dir));
  if (!where) return real(dir);
  Point p = point("readdir", where);
  // At a listing's end errno stays as it is.
  struct dirent64 *entry = p.failing ? (errno = p.failing, NULL) : real(dir);
  end(p, "readdir", where, p.failing ? -1 : 0, 0, 0, NULL, 0);
  return entry;
}
int closedir(DIR *dir) {
  REAL(closedir);
  int fd = dirfd(dir);
  if (of_fd(fd)) free(paths[fd]), paths[fd] = NULL;
  return real(dir);
}
char *realpath(const char *path, char *to) {
  char at[PATH_MAX];
  REAL(realpath);
  const char *where = under(AT_FDCWD, path, at);
  if (!where) return real(path, to);
  Point p = point("resolve", where);
  char *found = p.failing ? (errno = p.failing, NULL) : real(path, to);
  end(p, "resolve", where, found ? 0 : -1, 0, 0, NULL, 0);
  return found;
}
