#include "client/serve/receive.h"
