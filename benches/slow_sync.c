/* A slow disk for `make bench`, by LD_PRELOAD; never part of an installation.
 *
 * COUNTERSIGN_SYNC_DELAY_US    microseconds added to every fsync and fdatasync (0 to 1000000)
 * COUNTERSIGN_SYNC_COUNT_FILE  a file that counts the syncs by the name of the synced file, readable
 *                              while the program runs: 64 slots of a 56-byte name and a 64-bit count
 *
 * Both variables are taken out of the environment before main(), since the server refuses variables
 * it does not know. So set them for the program itself, not for a wrapper that starts it.
 *
 *     cc -O2 -Wall -Wextra -shared -fPIC -o slow_sync.so slow_sync.c -ldl -pthread
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define SLOTS 64
#define NAME_BYTES 56

struct slot {
    char name[NAME_BYTES];
    uint64_t count;
};

static long delay_us;
static struct slot *slots;
static pthread_mutex_t slots_lock = PTHREAD_MUTEX_INITIALIZER;
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);

__attribute__((constructor)) static void start(void)
{
    const char *delay = getenv("COUNTERSIGN_SYNC_DELAY_US");
    const char *path = getenv("COUNTERSIGN_SYNC_COUNT_FILE");
    char *end = NULL;

    /* Object and function pointers differ in ISO C; POSIX promises this conversion. */
    *(void **)&real_fsync = dlsym(RTLD_NEXT, "fsync");
    *(void **)&real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    if (delay != NULL) {
        delay_us = strtol(delay, &end, 10);
        if (end == delay || *end != '\0' || delay_us < 0 || delay_us > 1000000) {
            fputs("slow_sync: COUNTERSIGN_SYNC_DELAY_US takes 0 to 1000000\n", stderr);
            _exit(2);
        }
    }
    if (path != NULL) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        void *map = MAP_FAILED;
        if (fd >= 0 && ftruncate(fd, sizeof(struct slot) * SLOTS) == 0)
            map = mmap(NULL, sizeof(struct slot) * SLOTS, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (map == MAP_FAILED) {
            perror("slow_sync: COUNTERSIGN_SYNC_COUNT_FILE");
            _exit(2);
        }
        close(fd);
        slots = map;
    }
    unsetenv("COUNTERSIGN_SYNC_DELAY_US");
    unsetenv("COUNTERSIGN_SYNC_COUNT_FILE");
}

static void count(int fd)
{
    char link[64], target[4096];
    const char *name;
    ssize_t length;
    int i;

    if (slots == NULL)
        return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, target, sizeof target - 1);
    target[length < 0 ? 0 : length] = '\0';
    name = strrchr(target, '/');
    name = name == NULL ? target : name + 1;

    pthread_mutex_lock(&slots_lock);
    for (i = 0; i < SLOTS; i++) {
        if (i == SLOTS - 1)
            name = "others";
        if (slots[i].name[0] == '\0')
            snprintf(slots[i].name, NAME_BYTES, "%.*s", NAME_BYTES - 1, name);
        if (strncmp(slots[i].name, name, NAME_BYTES - 1) == 0) {
            slots[i].count++;
            break;
        }
    }
    pthread_mutex_unlock(&slots_lock);
}

static void wait_a_little(void)
{
    struct timespec left = { delay_us / 1000000, delay_us % 1000000 * 1000 };
    int saved = errno;

    while (delay_us > 0 && nanosleep(&left, &left) == -1 && errno == EINTR)
        ;
    errno = saved;
}

int fsync(int fd)
{
    int result = real_fsync(fd);

    count(fd);
    wait_a_little();
    return result;
}

int fdatasync(int fd)
{
    int result = real_fdatasync(fd);

    count(fd);
    wait_a_little();
    return result;
}
