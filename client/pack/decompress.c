#include "client/pack/decompress.h"
