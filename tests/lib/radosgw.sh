radosgw_stop() { :; }
