"""The catalog of 医保电子凭证扫码支付 接口规范: data files, read by ``agent.catalog``."""
