/*
 * Preloaded into a process: whatever file under POWER_CUT_FOLDER is synced is then copied, as it is on the disk, to the
 * folder POWER_CUT_SYNCED under its own name. What those copies hold is what a power cut leaves for sure; all else was
 * written and never synced. The call returns behind the copy, so that nobody is told of a sync before it is there.
 *
 * While the file POWER_CUT_HOLD exists no sync begins: a disk that takes writes and does not get to sync them.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void hold(void) {
  const char *path = getenv("POWER_CUT_HOLD");
  while (path != NULL && access(path, F_OK) == 0) usleep(2000);
}

static int is_below(const char *path, const char *folder) {
  size_t length = strlen(folder);
  return strncmp(path, folder, length) == 0 && path[length] == '/';
}

/*
 * Through the descriptor that there is: SQLite's locks are those of POSIX, and would end with the closing of another one.
 * In place of the copy before as a whole: the process may be killed here, too.
 */
static void copy(int from, const char *path, off_t size) {
  const char *folder = getenv("POWER_CUT_SYNCED");
  if (folder == NULL) abort();
  char whole[PATH_MAX], part[PATH_MAX];
  const char *name = strrchr(path, '/') + 1;
  if (snprintf(whole, sizeof whole, "%s/%s", folder, name) >= (int)sizeof whole ||
      snprintf(part, sizeof part, "%s/.%s.part", folder, name) >= (int)sizeof part)
    abort();
  int to = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (to < 0) abort();
  for (off_t at = 0; at < size;) {
    if (copy_file_range(from, &at, to, NULL, (size_t)(size - at), 0) <= 0) abort();
  }
  if (close(to) != 0 || rename(part, whole) != 0) abort();
}

static int sync_and_copy(int fd, const char *call) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, call);
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  const char *folder = getenv("POWER_CUT_FOLDER");
  if (length <= 0 || folder == NULL) return real(fd);
  path[length] = 0;
  if (!is_below(path, folder)) return real(fd);
  hold();
  int result = real(fd);
  struct stat is;
  if (result == 0 && fstat(fd, &is) == 0 && S_ISREG(is.st_mode)) copy(fd, path, is.st_size);
  return result;
}

int fsync(int fd) { return sync_and_copy(fd, "fsync"); }
int fdatasync(int fd) { return sync_and_copy(fd, "fdatasync"); }
