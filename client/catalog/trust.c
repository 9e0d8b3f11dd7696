#include "client/catalog/trust.h"
