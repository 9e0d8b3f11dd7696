#include "client/pull/pull.h"
