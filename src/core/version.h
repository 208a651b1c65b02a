/* core/version.h: the one place of the release number; the Makefile reads it from here. */
#ifndef TCB_VERSION_H
#define TCB_VERSION_H
#define TCB_VERSION "0.1.0"
#endif
