"""Runs a program on a kernel without Landlock, as far as it can see: without_landlock.py PROGRAM ARGUMENT…

A filter answers ENOSYS to the three system calls of Landlock, as kernels before 5.13 do, and lets all else pass.
"""

import ctypes
import errno
import os
import struct
import sys

#: The same numbers on every architecture.
LANDLOCK = (444, 445, 446)
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD_NUMBER, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, ERRNO = 0x7FFF0000, 0x00050000


class Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def main(program, *arguments):
    instructions = [(LOAD_NUMBER, 0, 0, 0)]
    for left, number in zip(range(len(LANDLOCK), 0, -1), LANDLOCK):
        instructions.append((JUMP_IF_EQUAL, left, 0, number))
    instructions += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, ERRNO | errno.ENOSYS)]
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in instructions)
    libc = ctypes.CDLL(None, use_errno=True)
    for call in [
        (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(Program(len(instructions), code)), 0, 0),
    ]:
        if libc.prctl(*call):
            raise OSError(ctypes.get_errno(), "prctl")
    os.execv(program, [program, *arguments])


if __name__ == "__main__":
    main(*sys.argv[1:])
