"""The numbers of messages, and where a request has its id."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Final


class In(IntEnum):
    """What clients send; a name is what faults and ``seen`` call it."""

    reqMktData = 1
    cancelMktData = 2
    placeOrder = 3
    cancelOrder = 4
    reqOpenOrders = 5
    reqAccountUpdates = 6
    reqExecutions = 7
    reqIds = 8
    reqContractDetails = 9
    reqMktDepth = 10
    cancelMktDepth = 11
    reqNewsBulletins = 12
    cancelNewsBulletins = 13
    setServerLogLevel = 14
    reqAutoOpenOrders = 15
    reqAllOpenOrders = 16
    reqManagedAccts = 17
    reqFA = 18
    replaceFA = 19
    reqHistoricalData = 20
    exerciseOptions = 21
    reqScannerSubscription = 22
    cancelScannerSubscription = 23
    reqScannerParameters = 24
    cancelHistoricalData = 25
    reqCurrentTime = 49
    reqRealTimeBars = 50
    cancelRealTimeBars = 51
    reqFundamentalData = 52
    cancelFundamentalData = 53
    calculateImpliedVolatility = 54
    calculateOptionPrice = 55
    cancelCalculateImpliedVolatility = 56
    cancelCalculateOptionPrice = 57
    reqGlobalCancel = 58
    reqMarketDataType = 59
    reqPositions = 61
    reqAccountSummary = 62
    cancelAccountSummary = 63
    cancelPositions = 64
    startApi = 71
    reqPositionsMulti = 74
    cancelPositionsMulti = 75
    reqAccountUpdatesMulti = 76
    cancelAccountUpdatesMulti = 77
    reqSecDefOptParams = 78
    reqSoftDollarTiers = 79
    reqFamilyCodes = 80
    reqMatchingSymbols = 81
    reqMktDepthExchanges = 82
    reqSmartComponents = 83
    reqNewsArticle = 84
    reqNewsProviders = 85
    reqHistoricalNews = 86
    reqHeadTimestamp = 87
    reqHistogramData = 88
    cancelHistogramData = 89
    cancelHeadTimestamp = 90
    reqMarketRule = 91
    reqPnL = 92
    cancelPnL = 93
    reqPnLSingle = 94
    cancelPnLSingle = 95
    reqHistoricalTicks = 96
    reqTickByTickData = 97
    cancelTickByTickData = 98
    reqCompletedOrders = 99
    reqWshMetaData = 100
    cancelWshMetaData = 101
    reqWshEventData = 102
    cancelWshEventData = 103
    reqUserInfo = 104


class Out(IntEnum):
    """What the gateway sends; a name is what faults call it."""

    tickPrice = 1
    tickSize = 2
    orderStatus = 3
    error = 4
    openOrder = 5
    updateAccountValue = 6
    updatePortfolio = 7
    updateAccountTime = 8
    nextValidId = 9
    contractDetails = 10
    execDetails = 11
    updateMktDepth = 12
    updateMktDepthL2 = 13
    managedAccounts = 15
    historicalData = 17
    bondContractDetails = 18
    scannerParameters = 19
    scannerData = 20
    tickOptionComputation = 21
    tickGeneric = 45
    tickString = 46
    currentTime = 49
    realtimeBar = 50
    fundamentalData = 51
    contractDetailsEnd = 52
    openOrderEnd = 53
    accountDownloadEnd = 54
    execDetailsEnd = 55
    tickSnapshotEnd = 57
    marketDataType = 58
    commissionReport = 59
    position = 61
    positionEnd = 62
    accountSummary = 63
    accountSummaryEnd = 64
    positionMulti = 71
    positionMultiEnd = 72
    accountUpdateMulti = 73
    accountUpdateMultiEnd = 74
    securityDefinitionOptionParameter = 75
    securityDefinitionOptionParameterEnd = 76
    softDollarTiers = 77
    familyCodes = 78
    symbolSamples = 79
    mktDepthExchanges = 80
    tickReqParams = 81
    smartComponents = 82
    newsArticle = 83
    tickNews = 84
    newsProviders = 85
    historicalNews = 86
    historicalNewsEnd = 87
    headTimestamp = 88
    histogramData = 89
    historicalDataUpdate = 90
    marketRule = 93
    pnl = 94
    pnlSingle = 95
    historicalTicks = 96
    historicalTicksBidAsk = 97
    historicalTicksLast = 98
    tickByTick = 99
    completedOrder = 101
    completedOrdersEnd = 102
    wshMetaData = 104
    wshEventData = 105
    historicalSchedule = 106
    userInfo = 107


_ID_SECOND: Final = frozenset(
    {
        In.placeOrder,
        In.reqHistoricalData,
        In.reqScannerSubscription,
        In.reqSecDefOptParams,
        In.reqSoftDollarTiers,
        In.reqMatchingSymbols,
        In.reqSmartComponents,
        In.reqNewsArticle,
        In.reqHistoricalNews,
        In.reqHeadTimestamp,
        In.reqHistogramData,
        In.reqPnL,
        In.reqPnLSingle,
        In.reqHistoricalTicks,
        In.reqTickByTickData,
        In.reqWshMetaData,
        In.reqWshEventData,
        In.reqUserInfo,
    }
)
_ID_THIRD: Final = frozenset(
    {
        In.reqMktData,
        In.cancelOrder,
        In.reqExecutions,
        In.reqContractDetails,
        In.reqMktDepth,
        In.reqRealTimeBars,
        In.reqFundamentalData,
        In.calculateImpliedVolatility,
        In.calculateOptionPrice,
        In.reqAccountSummary,
        In.reqPositionsMulti,
        In.reqAccountUpdatesMulti,
    }
)


def request_id(fields: Sequence[str]) -> str:
    """Return the id of the order or request that a message is about, -1 where it has none."""
    number = int(fields[0])
    place = 1 if number in _ID_SECOND else 2 if number in _ID_THIRD else 0
    return fields[place] if 0 < place < len(fields) else "-1"
