#include "agent/seal/surroundings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DESCRIPTORS_MAX 1024
#define PATH_SHOWN      90

/* Each runs what it is told, as root. */
static const char *const services[] = {
	"/run/docker.sock",
	"/var/run/docker.sock",
	"/run/podman/podman.sock",
	"/run/containerd/containerd.sock",
	"/run/crio/crio.sock",
	"/run/libvirt/libvirt-sock",
	"/var/lib/incus/unix.socket",
	"/var/lib/lxd/unix.socket",
	"/var/snap/lxd/common/lxd/unix.socket",
};

void surroundings_report_root(struct report *report)
{
	if (geteuid() == 0) {
		report_add(report, "root is far", MEASURE_WEAKER,
		           "the agent runs as root, whose other processes can "
		           "put code into it");
		return;
	}
	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
		if (faccessat(AT_FDCWD, services[i], W_OK, AT_EACCESS) < 0)
			continue;
		report_add(report, "root is far", MEASURE_WEAKER,
		           "%s is open to this user, who is as good as root",
		           services[i]);
		return;
	}
	report_add(report, "root is far", MEASURE_HELD,
	           "not root, no container service is open (sudo: not "
	           "looked at)");
}

/* Of its folder, without the name. */
static int stat_folder(const char *path, struct stat *ret_stat)
{
	char folder[256];
	char *slash;

	(void)snprintf(folder, sizeof(folder), "%s", path);
	slash = strrchr(folder, '/');
	if (!slash)
		return stat(".", ret_stat);
	*(slash == folder ? slash + 1 : slash) = '\0';
	return stat(folder, ret_stat);
}

void surroundings_report_socket(struct report *report, const char *path)
{
	struct stat file, folder;
	bool is_open;

	if (stat(path, &file) < 0 || stat_folder(path, &folder) < 0) {
		report_add(report, "socket", MEASURE_WEAKER, "%.*s: %s",
		           PATH_SHOWN, path, strerrordesc_np(errno));
		return;
	}
	is_open = (file.st_mode & S_IWOTH) && (folder.st_mode & S_IXOTH);
	report_add(report, "socket", is_open ? MEASURE_WEAKER : MEASURE_HELD,
	           "%.*s: mode %04o in a folder of mode %04o%s", PATH_SHOWN,
	           path, file.st_mode & 07777U, folder.st_mode & 07777U,
	           is_open ? ": others are kept out by their uid alone" : "");
}

void surroundings_report_descriptors(struct report *report)
{
	int count = 0;

	for (int fd = 0; fd < DESCRIPTORS_MAX; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	report_add(report, "no foreign descriptors", MEASURE_HELD,
	           "%d are open, and all are its own", count);
}
