// Loaded before the C library (LD_PRELOAD) into programs under the thread sanitizer: tells it of the locks that it does not see.
//
// A `Mutex` of Swift's Synchronization takes a free lock by an atomic operation in the caller, which the sanitizer sees. One that is taken
// goes into the library, which is not instrumented, and there the kernel hands it over; what the lock protects would count as a race.
// https://github.com/swiftlang/swift/blob/main/stdlib/public/Synchronization/Mutex/LinuxImpl.swift
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>

// Null in programs without the sanitizer, which inherit the variable.
extern void __tsan_acquire(void *address) __attribute__((weak));
extern void __tsan_release(void *address) __attribute__((weak));

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context)) void *self
#define LOCK_SLOW "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define TRY_LOCK_SLOW "$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF"
#define UNLOCK_SLOW "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

SWIFT void lock_slow(uint32_t owner, SELF) __asm__(LOCK_SLOW);
SWIFT _Bool try_lock_slow(SELF) __asm__(TRY_LOCK_SLOW);
SWIFT void unlock_slow(SELF) __asm__(UNLOCK_SLOW);

SWIFT void lock_slow(uint32_t owner, SELF) {
    typedef SWIFT void function(uint32_t, SELF);
    ((function *)dlsym(RTLD_NEXT, LOCK_SLOW))(owner, self);
    if (__tsan_acquire) __tsan_acquire(self);
}

SWIFT _Bool try_lock_slow(SELF) {
    typedef SWIFT _Bool function(SELF);
    _Bool isTaken = ((function *)dlsym(RTLD_NEXT, TRY_LOCK_SLOW))(self);
    if (isTaken && __tsan_acquire) __tsan_acquire(self);
    return isTaken;
}

SWIFT void unlock_slow(SELF) {
    typedef SWIFT void function(SELF);
    if (__tsan_release) __tsan_release(self);
    ((function *)dlsym(RTLD_NEXT, UNLOCK_SLOW))(self);
}
