#include "client/nixconf/nix_conf.h"
