#include "agent/start/listen.h"

#include "protocol/base/cleanup.h"
#include "protocol/base/number.h"
#include "protocol/varlink/socket_path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdbool.h>
