#include "client/serve/serve.h"
