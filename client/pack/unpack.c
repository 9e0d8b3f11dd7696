#include "client/pack/unpack.h"
