// Loaded before the C library (LD_PRELOAD), it writes down which files a process writes, syncs and renames, in that order, to the
// file that REKEY_TEST_CALLS names: `write PATH`, `sync PATH`, `rename OLD<tab>NEW`. A sync stands there once it is done.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void say(const char *what, const char *first, const char *second) {
    static int file = -1;
    if (file < 0) {
        const char *path = getenv("REKEY_TEST_CALLS");
        if (!path) return;
        file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    }
    char line[2 * PATH_MAX + 16];
    int length = snprintf(line, sizeof line, "%s %s%s%s\n", what, first, second ? "\t" : "", second ? second : "");
    if (length > 0 && (size_t)length < sizeof line) syscall(SYS_write, file, line, length);
}

static void say_file(const char *what, int file) {
    char link[32], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0 || path[0] != '/') return;
    path[length] = 0;
    say(what, path, NULL);
}

#define NEXT(name, ...) (((__typeof__(&name))dlsym(RTLD_NEXT, #name))(__VA_ARGS__))

ssize_t write(int file, const void *bytes, size_t count) {
    say_file("write", file);
    return NEXT(write, file, bytes, count);
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t offset) {
    say_file("write", file);
    return NEXT(pwrite, file, bytes, count, offset);
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t offset) {
    say_file("write", file);
    return NEXT(pwrite64, file, bytes, count, offset);
}

int fsync(int file) {
    int status = NEXT(fsync, file);
    if (status == 0) say_file("sync", file);
    return status;
}

int fdatasync(int file) {
    int status = NEXT(fdatasync, file);
    if (status == 0) say_file("sync", file);
    return status;
}

// A disk that keeps other bytes than it was given: of the file that REKEY_TEST_DAMAGE names, below a folder that has just got its name,
// the last byte is another one.
static void damage(const char *folder) {
    const char *name = getenv("REKEY_TEST_DAMAGE");
    char path[PATH_MAX], byte;
    if (!name || snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) return;
    int file = open(path, O_RDWR | O_CLOEXEC);
    if (file < 0) return;
    off_t last = lseek(file, -1, SEEK_END);
    if (last >= 0 && NEXT(pread, file, &byte, 1, last) == 1) {
        byte ^= 1;
        NEXT(pwrite, file, &byte, 1, last);
    }
    close(file);
}

// A disk over the network that takes all writes and tells that it is full when a file is closed: those with REKEY_TEST_FULL in their path.
int close(int file) {
    const char *name = getenv("REKEY_TEST_FULL");
    char link[32], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = name ? readlink(link, path, sizeof path - 1) : -1;
    int status = NEXT(close, file);
    if (length < 0 || status != 0) return status;
    path[length] = 0;
    if (!strstr(path, name)) return 0;
    errno = ENOSPC;
    return -1;
}

int rename(const char *old, const char *new) {
    say("rename", old, new);
    int status = NEXT(rename, old, new);
    if (status == 0) damage(new);
    return status;
}
