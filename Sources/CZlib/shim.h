#ifndef REKEY_CZLIB_SHIM_H
#define REKEY_CZLIB_SHIM_H
#include <zlib.h>
#endif
