#include "client/serve/upstream.h"
