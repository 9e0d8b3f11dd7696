#include "protocol/nix/content_address.h"
