"""The catalog of 工伤保险异地就医系统接口技术规范 V1.5.02: data files, read by ``agent.catalog``."""
