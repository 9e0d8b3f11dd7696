/* boot.h - which boot of the machine this is */
#pragma once

#define BOOT_ID_SIZE 40

/* The kernel's id of it, or empty if there is none to read. */
void boot_read_id(char ret_id[BOOT_ID_SIZE]);
