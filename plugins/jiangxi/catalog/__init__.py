"""The catalog of 江西省医药机构工伤实时结算接口规范 V10.2: data files, read by ``agent.catalog``."""
