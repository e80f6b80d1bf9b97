"""Training code behind the sample models; needs torch and is never imported by the tool."""
