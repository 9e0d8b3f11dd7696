#include "client/serve/access.h"
