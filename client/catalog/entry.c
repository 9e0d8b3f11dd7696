#include "client/catalog/entry.h"
